import type { Line, Parcel } from './line.js';

/** How many messages may be on their way to one process: beyond it they are kept back, and the process is told so. */
const UNREAD_MAX = 200;

interface Member {
  readonly topics: Set<string>;
  unread: number;
  hasLost: boolean;
}

/** Brings what one process publishes to all others that have subscribed, in the order in which it was published. */
export class Broker {
  readonly #members = new Map<Line, Member>();

  /** Hears the process at the other end of the line; the function that it answers with ends that. */
  join(line: Line): () => void {
    const member: Member = { topics: new Set(), unread: 0, hasLost: false };
    this.#members.set(line, member);
    const leave = line.onParcel((parcel) => this.#take(line, member, parcel));
    return () => {
      leave();
      this.#members.delete(line);
    };
  }

  #take(from: Line, { topics }: Member, parcel: Parcel): void {
    if (parcel.kind === 'message') this.#tell(from, parcel);
    if (parcel.kind === 'unsubscribe') topics.delete(parcel.topic);
    if (parcel.kind === 'subscribe') {
      topics.add(parcel.topic);
      send(from, { kind: 'subscribed', topic: parcel.topic });
    }
  }

  #tell(from: Line, parcel: Parcel & { readonly kind: 'message' }): void {
    for (const [line, member] of this.#members) {
      if (line === from || !member.topics.has(parcel.topic)) continue;
      // One that does not read would have the primary keep all that it is told.
      if (member.unread === UNREAD_MAX) member.hasLost = true;
      else this.#deliver(line, member, parcel);
    }
  }

  #deliver(line: Line, member: Member, parcel: Parcel): void {
    const end = (): void => {
      member.unread -= 1;
      if (member.unread > 0 || !member.hasLost) return;
      member.hasLost = false;
      send(line, { kind: 'lost' });
    };
    member.unread += 1;
    line.send(parcel).then(end, end);
  }
}

/** To a process that may have ended. */
function send(line: Line, parcel: Parcel): void {
  line.send(parcel).catch(() => undefined);
}
