import type { Logger } from 'pino';
import type { Bus } from './bus.js';
import type { Wire, WireEvents } from './wire.js';
import { wiredBus } from './wired.js';

/** What a process and the broker of its bus say to each other. */
export type Parcel =
  | { readonly kind: 'subscribe' | 'subscribed' | 'unsubscribe'; readonly topic: string }
  | { readonly kind: 'message'; readonly topic: string; readonly text: string }
  /** The process was behind for so long that the broker has kept back messages. */
  | { readonly kind: 'lost' };

/** From one process to another, in order and without a loss for as long as both live. */
export interface Line {
  /** Resolves once the other side can read it, which is later where that is busy; rejects where there is no other side. */
  send(parcel: Parcel): Promise<void>;
  /** Hears what the other side sends; the function that it answers with ends that. */
  onParcel(listener: (parcel: Parcel) => void): () => void;
}

/** The bus of processes that have a broker in common: see broker. */
export function lineBus({ line, log }: { line: Line; log: Logger }): Promise<Bus> {
  return wiredBus({ connect: (events) => lineWire(line, events), carrier: 'The primary process', log });
}

function lineWire(line: Line, events: WireEvents): Wire {
  const topics = new Set<string>();
  const confirmations = new Map<string, (() => void)[]>();

  const leave = line.onParcel((parcel) => {
    if (parcel.kind === 'message') events.onMessage(parcel.topic, parcel.text);
    if (parcel.kind === 'subscribed') confirmations.get(parcel.topic)?.shift()?.();
    if (parcel.kind === 'lost') events.onUp();
  });
  // The caller has no wire yet, and makes use of it when it is told.
  setImmediate(() => events.onUp());

  return {
    isUp: () => true,
    async publish(topic, text) {
      // The broker tells the others: what is heard here need not go there and back.
      if (topics.has(topic)) events.onMessage(topic, text);
      await line.send({ kind: 'message', topic, text });
      return null;
    },
    async subscribe(topic) {
      topics.add(topic);
      const confirmed = new Promise<void>((confirm) => {
        const waiting = confirmations.get(topic) ?? [];
        confirmations.set(topic, waiting);
        waiting.push(confirm);
      });
      await line.send({ kind: 'subscribe', topic });
      await confirmed;
    },
    unsubscribe(topic) {
      topics.delete(topic);
      return line.send({ kind: 'unsubscribe', topic });
    },
    probe: () => undefined,
    close() {
      leave();
      for (const topic of topics) line.send({ kind: 'unsubscribe', topic }).catch(() => undefined);
    },
  };
}
