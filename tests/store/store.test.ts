import { pino } from 'pino';
import { describe, expect, test, vi } from 'vitest';
import { memoryBus } from '../../src/bus/memory.js';
import { openDatabase } from '../../src/database/client.js';
import { createStore } from '../../src/store/createStore.js';
import { followLog } from '../../src/store/follow.js';
import { openStore } from '../support/store.js';

const HOUR_MS = 60 * 60 * 1000;

describe('a store', () => {
  test('goes by the clock of the database', async () => {
    for (const aheadMs of [-HOUR_MS, HOUR_MS]) {
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + aheadMs });
      try {
        await using home = await openStore();
        const now = home.store.now();

        const isNow = home.database.prisma.$queryRaw`
          SELECT ${now} BETWEEN now() - interval '1 minute' AND now() + interval '1 minute' AS near`;
        expect(await isNow).toEqual([{ near: true }]);
      } finally {
        vi.useRealTimers();
      }
    }
  });

  test('writes the times of the database where the clock of this machine is an hour ahead', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR_MS });
    try {
      await using home = await openStore();
      await home.start(home.caller, { conversation: { platform: 'p', externalId: 'x' } });

      const ahead = await home.database.prisma.$queryRaw`
        SELECT s.started_at, s.state_changed_at, p.last_activity_at, c.created_at, e.occurred_at, e.recorded_at
        FROM sessions s JOIN pulses p ON p.session_id = s.id JOIN conversations c ON c.id = s.conversation_id
        JOIN events e ON e.session_id = s.id
        WHERE greatest(s.started_at, s.state_changed_at, p.last_activity_at, c.created_at, e.occurred_at,
          e.recorded_at) > now() + interval '1 minute'`;
      expect(ahead).toEqual([]);
    } finally {
      vi.useRealTimers();
    }
  });

  test('has one tail for each project', async () => {
    await using home = await openStore();
    const other = await home.newCaller();

    expect(home.store.tail(home.caller.projectId)).toBe(home.store.tail(home.caller.projectId));
    expect(home.store.tail(home.caller.projectId)).not.toBe(home.store.tail(other.projectId));
  });

  test('that is closed reads no more for those who follow it', async () => {
    await using home = await openStore();
    const follower = followLog(home.store, home.caller.projectId, { after: null });
    await follower.next();

    await home.store.close();
    await home.start(home.caller);
    home.statements.length = 0;
    await follower.return();

    expect(home.statements).toEqual([]);
  });

  test('does not open on a database that does not answer', async () => {
    const database = openDatabase('postgresql://postgres@127.0.0.1:9/nowhere');

    await expect(createStore({ database, bus: memoryBus(), log: pino({ level: 'silent' }) })).rejects.toThrow();
    await database.close();
  });
});
