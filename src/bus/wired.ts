import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Audience } from './audience.js';
import { beatOutbox, decodeBeats, encodeBeats } from './beat.js';
import { beatTopicOf, topicOf, type Beat, type Bus, type Hint } from './bus.js';
import { Outbox } from './outbox.js';
import { reasonOf, type Wire, type WireEvents } from './wire.js';

// Where nobody listens, beats are collected for so long before they are told again: of each session the newest.
const UNHEARD_MS = 250;
// How often a connection has to show that it is alive, and what could not be subscribed is tried again.
const PROBE_MS = 1_000;

interface Options {
  readonly connect: (events: WireEvents) => Wire;
  /** What the wire leads to, as the log is to call it. */
  readonly carrier: string;
  readonly log: Logger;
}

/**
 * The bus of many processes, over a wire that brings to all what one publishes. Resolves once connected, or degraded where
 * that is not possible; the wire goes on trying, and the log is told when that changes. Throws only what `connect` throws.
 */
export async function wiredBus({ connect, carrier, log }: Options): Promise<Bus> {
  // Of both, the topics are the channels: no channel is one of hints and of beats.
  const hintAudience = new Audience<Hint>();
  const beatAudience = new Audience<readonly Beat[]>();
  const audiences = [hintAudience, beatAudience];
  const self = randomUUID();
  // What the present connection bears; false where that was refused.
  const subscriptions = new Map<string, Promise<boolean>>();
  const unsent = new Map<string, number>();
  let state: 'starting' | 'ok' | 'degraded' | 'closed' = 'starting';
  let settle = (): void => undefined;
  const settled = new Promise<void>((resolve) => (settle = resolve));

  const wire = connect({
    onMessage(topic, text) {
      if (beatAudience.has(topic)) tellHere(topic, decodeBeats(self, text));
      else hintAudience.tell(topic, Number(text));
    },
    onUp: () => void restore(),
    onDown(reason) {
      subscriptions.clear();
      degrade(reason);
    },
  });
  const probing = setInterval(() => {
    if (!wire.isUp()) return;
    wire.probe();
    if (state === 'degraded') void restore();
  }, PROBE_MS).unref();

  const hints = new Outbox<number>({
    async send(positions) {
      await Promise.all(Array.from(positions, ([topic, position]) => publishHint(topic, position)));
    },
    merge: (kept = 0, position) => Math.max(kept, position),
  });
  // Whoever listens here hears of a beat without the wire, however slow that is or whether it is there at all.
  const beatsHere = beatOutbox((told) => {
    for (const [topic, newest] of told) tellHere(topic, [...newest.values()]);
  });
  const beatsElsewhere = beatOutbox(async (told) => {
    // One message after the other: where the wire is slow, what waits is replaced by what is newer.
    let isHeard = false;
    for (const [topic, newest] of told) {
      for (const text of encodeBeats(self, newest)) {
        const heard = await publish(topic, text);
        if (heard === false) return;
        isHeard ||= heard !== 0;
      }
    }
    if (!isHeard) await delay(UNHEARD_MS, null, { ref: false });
  });

  function tellHere(topic: string, told: readonly Beat[]): void {
    if (told.length > 0) beatAudience.tell(topic, told);
  }

  /** False where it could not be sent, else how many have heard it, where that is known. */
  async function publish(topic: string, text: string): Promise<number | null | false> {
    try {
      return await wire.publish(topic, text);
    } catch (error) {
      degrade(reasonOf(error));
      return false;
    }
  }

  async function publishHint(topic: string, position: number): Promise<boolean> {
    const isSent = (await publish(topic, String(position))) !== false;
    // A server whose wire is back before this one's has read by then, and has to be told what came later.
    if (!isSent) unsent.set(topic, Math.max(position, unsent.get(topic) ?? 0));
    return isSent;
  }

  function publishUnsent(): Promise<boolean>[] {
    const positions = [...unsent];
    unsent.clear();
    return positions.map(([topic, position]) => publishHint(topic, position));
  }

  function subscribe(topic: string): Promise<boolean> {
    const present = subscriptions.get(topic);
    if (present) return present;
    const subscription = wire.subscribe(topic).then(
      () => true,
      (error: unknown) => {
        if (subscriptions.get(topic) === subscription) subscriptions.delete(topic);
        degrade(reasonOf(error));
        return false;
      },
    );
    subscriptions.set(topic, subscription);
    return subscription;
  }

  async function listen<Message>(
    audience: Audience<Message>,
    topic: string,
    onMessage: (message: Message) => void,
  ): Promise<() => void> {
    if (state === 'closed') return () => undefined;
    const leave = audience.add(topic, onMessage);
    if (wire.isUp()) await subscribe(topic);
    return () => {
      leave();
      if (audience.has(topic) || !subscriptions.delete(topic)) return;
      wire.unsubscribe(topic).catch(() => undefined);
    };
  }

  /** After every return of the connections: all is well again once everything is subscribed; then all read what they missed. */
  async function restore(): Promise<void> {
    const topics = audiences.flatMap((audience) => audience.topics());
    const done = await Promise.all([...topics.map(subscribe), ...publishUnsent()]);
    if (state === 'closed' || !wire.isUp() || done.includes(false)) return;
    if (state === 'degraded') log.info(`${carrier} is back: changes made through other servers arrive at once again`);
    state = 'ok';
    settle();
    for (const topic of hintAudience.topics()) hintAudience.tell(topic, null);
  }

  function degrade(reason: string): void {
    if (state === 'closed' || state === 'degraded') return;
    state = 'degraded';
    log.warn({ reason }, `${carrier} is out of reach: changes made through other servers arrive later, none is lost`);
    settle();
  }

  await settled;
  return {
    announce(projectId, position) {
      if (state !== 'closed') hints.put(topicOf(projectId), position);
    },
    listen: (projectId, onHint) => listen(hintAudience, topicOf(projectId), onHint),
    tellBeats(projectId, told) {
      if (state === 'closed') return;
      const topic = beatTopicOf(projectId);
      if (beatAudience.has(topic)) beatsHere.put(topic, told);
      if (wire.isUp()) beatsElsewhere.put(topic, told);
    },
    listenBeats: (projectId, onBeats) => listen(beatAudience, beatTopicOf(projectId), onBeats),
    status: () => (state === 'ok' ? 'ok' : 'degraded'),
    async close() {
      state = 'closed';
      clearInterval(probing);
      for (const audience of audiences) audience.clear();
      for (const outbox of [hints, beatsHere, beatsElsewhere]) outbox.clear();
      wire.close();
    },
  };
}
