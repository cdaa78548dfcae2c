import { describe, expect, test } from 'vitest';
import { endSession } from '../../src/store/session.js';
import { retentionOf } from '../../src/workers/retention.js';
import { openStore } from '../support/store.js';

describe('retention', () => {
  test('is no chore at all unless something is configured', async () => {
    await using home = await openStore();

    expect(retentionOf(home.store, { sessionDays: null, eventDays: null, checkpointDays: null })).toBeNull();
  });

  test('removes what is older than it is to be kept', async () => {
    await using home = await openStore();
    const { store, caller } = home;
    const { id: sessionId } = await home.start(caller, { occurredAt: new Date('2020-01-01T00:00:00Z') });
    const occurredAt = new Date('2020-01-02T00:00:00Z');
    await endSession(store, caller, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS', occurredAt });

    await retentionOf(store, { sessionDays: 30, eventDays: null, checkpointDays: null })?.run(
      new AbortController().signal,
    );

    expect(await home.database.prisma.session.count()).toBe(0);
  });
});
