import type { Logger } from 'pino';
import { Audience } from './audience.js';
import { projectOf, topicOf, type Bus } from './bus.js';
import { Outbox } from './outbox.js';
import { clusterWire, reasonOf, singleWire } from './wire.js';

// How often a connection has to show that it is alive, and what could not be subscribed is tried again.
const PROBE_MS = 1_000;

/**
 * The bus of many processes, over Redis or Valkey: `redis://`, `rediss://` or `redis+cluster://host:port,host:port`.
 * Resolves once connected, or degraded where Redis cannot be reached; it goes on trying, and tells the log when that changes.
 * Throws only where the URL cannot be read.
 */
export async function redisBus({ url, log }: { url: string; log: Logger }): Promise<Bus> {
  const audience = new Audience();
  // What the present connection bears; false where Redis refused.
  const subscriptions = new Map<string, Promise<boolean>>();
  const unsent = new Map<string, number>();
  let state: 'starting' | 'ok' | 'degraded' | 'closed' = 'starting';
  let settle = (): void => undefined;
  const settled = new Promise<void>((resolve) => (settle = resolve));

  const connect = url.startsWith('redis+cluster:') ? clusterWire : singleWire;
  const wire = connect(url, {
    onMessage: (topic, text) => audience.tell(projectOf(topic), Number(text)),
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

  const outbox = new Outbox(async (hints) => {
    await Promise.all(Array.from(hints, ([projectId, position]) => publish(projectId, position)));
  });

  async function publish(projectId: string, position: number): Promise<boolean> {
    try {
      await wire.publish(topicOf(projectId), String(position));
      return true;
    } catch (error) {
      // A server that finds Redis again before this one does has read by then, and has to be told what came later.
      unsent.set(projectId, Math.max(position, unsent.get(projectId) ?? 0));
      degrade(reasonOf(error));
      return false;
    }
  }

  function publishUnsent(): Promise<boolean>[] {
    const hints = [...unsent];
    unsent.clear();
    return hints.map(([projectId, position]) => publish(projectId, position));
  }

  function subscribe(projectId: string): Promise<boolean> {
    const present = subscriptions.get(projectId);
    if (present) return present;
    const subscription = wire.subscribe(topicOf(projectId)).then(
      () => true,
      (error: unknown) => {
        if (subscriptions.get(projectId) === subscription) subscriptions.delete(projectId);
        degrade(reasonOf(error));
        return false;
      },
    );
    subscriptions.set(projectId, subscription);
    return subscription;
  }

  /** After every return of the connections: all is well again once everything is subscribed; then all read what they missed. */
  async function restore(): Promise<void> {
    const done = await Promise.all([...audience.projects().map(subscribe), ...publishUnsent()]);
    if (state === 'closed' || !wire.isUp() || done.includes(false)) return;
    if (state === 'degraded') log.info('Redis is back: changes made through other servers arrive at once again');
    state = 'ok';
    settle();
    for (const projectId of audience.projects()) audience.tell(projectId, null);
  }

  function degrade(reason: string): void {
    if (state === 'closed' || state === 'degraded') return;
    state = 'degraded';
    log.warn({ reason }, 'Redis is out of reach: changes made through other servers arrive later, none is lost');
    settle();
  }

  await settled;
  return {
    announce(projectId, position) {
      if (state !== 'closed') outbox.put(projectId, position);
    },
    async listen(projectId, onHint) {
      if (state === 'closed') return () => undefined;
      const leave = audience.add(projectId, onHint);
      if (wire.isUp()) await subscribe(projectId);
      return () => {
        leave();
        if (audience.has(projectId) || !subscriptions.delete(projectId)) return;
        wire.unsubscribe(topicOf(projectId)).catch(() => undefined);
      };
    },
    status: () => (state === 'ok' ? 'ok' : 'degraded'),
    async close() {
      state = 'closed';
      clearInterval(probing);
      audience.clear();
      outbox.clear();
      wire.close();
    },
  };
}
