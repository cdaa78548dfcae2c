import { afterAll, describe, expect, test } from 'vitest';
import { appendEvents, type EventInput } from '../../src/store/event.js';
import { followChanges } from '../../src/store/follow.js';
import type { Caller, Event, Session } from '../../src/store/store.js';
import { openStore } from '../support/store.js';

const { store, newCaller, start, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

async function append(caller: Caller, { id }: Session, count = 1, event: Partial<EventInput> = {}): Promise<bigint> {
  const events = Array.from({ length: count }, (): EventInput => ({ type: 'PROGRESS', level: 'INFO', ...event }));
  return (await appendEvents(store, caller, { sessionId: id, events })).position;
}

/** Resolves once this process has read the log up to there. */
const readUp = ({ projectId }: Caller, position: bigint) =>
  expect.poll(() => store.tail(projectId).head, { interval: 5 }).toBe(position);

describe('changes', () => {
  const of = (session: Session) => (event: Event) => event.sessionId === session.id;

  test('are told at once, and again after an event that concerns them', async () => {
    const me = await newCaller();
    const [mine, other] = [await start(me), await start(me)];
    await using changes = followChanges(store, me.projectId, of(mine));
    expect((await changes.next()).done).toBe(false);
    let told = false;
    const next = changes.next().then(() => (told = true));

    await readUp(me, await append(me, other));
    expect(told).toBe(false);
    await append(me, mine);
    await next;
  });

  test('that come many at once count as one', async () => {
    const me = await newCaller();
    const session = await start(me);
    await using changes = followChanges(store, me.projectId, of(session));
    await changes.next();

    for (let round = 0; round < 5; round++) await append(me, session, 2);
    await readUp(me, 12n);

    await changes.next();
    let told = false;
    const next = changes.next().then(() => (told = true));
    await readUp(me, await append(me, await start(me)));
    expect(told).toBe(false);
    await changes.return();
    await next;
  });

  test('are supposed where too much has happened to see all of it', async () => {
    const me = await newCaller();
    const [mine, other] = [await start(me), await start(me)];
    await using changes = followChanges(store, me.projectId, of(mine));
    await changes.next();
    let position = 0n;
    for (let round = 0; round < 5; round++) position = await append(me, other, 500);
    await readUp(me, position);

    expect((await changes.next()).done).toBe(false);
  });

  test('end at once for who leaves while waiting', async () => {
    const me = await newCaller();
    const changes = followChanges(store, me.projectId, () => true);
    await changes.next();
    const waiting = changes.next();

    await changes.return();

    expect((await waiting).done).toBe(true);
    expect(store.tail(me.projectId).followers).toBe(0);
  });
});
