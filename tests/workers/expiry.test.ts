import { expect, test } from 'vitest';
import { requestApproval } from '../../src/store/approval.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { expiryOf } from '../../src/workers/expiry.js';
import { openStore } from '../support/store.js';

test('expiry closes what has outlived its time: approvals, saved states and idempotency keys', async () => {
  await using home = await openStore();
  const { store, caller, database } = home;
  const { id: sessionId } = await home.start(caller);
  await requestApproval(store, caller, { sessionId, type: 'OTHER', question: '?', timeoutSeconds: 1 });
  await database.prisma.approval.updateMany({ data: { expiresAt: new Date(0) } });
  await saveState(store, caller, { sessionId, expiresAt: new Date(0) });
  await createRun(store, caller, { idempotencyKey: 'k' });
  await database.prisma.idempotencyKey.updateMany({ data: { createdAt: new Date(0) } });

  await expiryOf(store).run(new AbortController().signal);

  expect(await database.prisma.approval.findMany()).toMatchObject([{ status: 'EXPIRED' }]);
  expect(await database.prisma.savedState.findMany()).toMatchObject([{ status: 'EXPIRED' }]);
  expect(await database.prisma.idempotencyKey.count()).toBe(0);
});
