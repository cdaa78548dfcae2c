// What the tests of appends begin with: sessions that work, and many that are appended to at once.
import { memoryBus } from '../../src/bus/memory.js';
import { audit } from '../../src/store/audit.js';
import { appendEvents, type EventInput } from '../../src/store/event.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { openStore } from './store.js';

export async function openAppends() {
  const bus = memoryBus();
  const opened = await openStore({ bus, poolSize: 20 });
  const { store, database, start } = opened;
  const append = (caller: Caller, { id }: Session, events: Partial<EventInput>[] = [{}], at = store) =>
    appendEvents(at, caller, {
      sessionId: id,
      events: events.map((event) => ({ type: 'PROGRESS', level: 'INFO', ...event })),
    });
  return {
    ...opened,
    bus,
    append,
    finish: (caller: Caller, { id }: Session) =>
      endSession(store, caller, { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' }),
    working: async (caller: Caller, input = {}) => {
      const session = await start(caller, input);
      await append(caller, session);
      return session;
    },
    breaches: async () => (await audit(database)).flatMap(({ breaches }) => breaches),
  };
}

export const many = <T>(count: number, make: (index: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, index) => make(index)));

/** The places of events, or where they should be. */
export const numbered = (from: number, count: number) =>
  Array.from({ length: count }, (_, index) => BigInt(from + index));
