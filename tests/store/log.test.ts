import { afterAll, describe, expect, test } from 'vitest';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { readLog } from '../../src/store/page.js';
import { createRun } from '../../src/store/run.js';
import { transact } from '../../src/store/transaction.js';
import { openStore } from '../support/store.js';

const { store, database, newCaller, start, log, ...fixture } = await openStore({ poolSize: 20 });
afterAll(() => fixture[Symbol.asyncDispose]());

const progress = { type: 'PROGRESS', level: 'INFO' } as const;

describe('the log', () => {
  test('has positions without a gap, and every reader sees them in the order of commit', async () => {
    const me = await newCaller();
    const { projectId } = me;
    const sessions = await Promise.all(Array.from({ length: 4 }, () => start(me)));
    const seen: bigint[] = [];
    const written = new AbortController();
    const reader = (async () => {
      // A position that shows up below one that was read before would be missed here for ever.
      for (let after = 0n, last = false; !last;) {
        last = written.signal.aborted;
        const { events, position } = await readLog(store, projectId, { after, first: 500 });
        seen.push(...events.map((event) => event.position));
        after = position;
      }
    })();

    await Promise.all(
      Array.from({ length: 16 }, async (_, writer) => {
        const session = sessions[writer % sessions.length]!;
        for (let round = 0; round < 4; round++) {
          await appendEvents(store, me, { sessionId: session.id, events: [progress, progress] });
          await heartbeat(store, me, { sessionId: session.id, contextPercent: (writer * 4 + round) % 100 });
          await transitionSession(store, me, {
            conversation: { platform: 'p', externalId: `${writer % 3}` },
            trigger: 'PLAN_TO_EXECUTE',
          });
        }
      }),
    );
    written.abort();
    await reader;

    const events = await log(me);
    const { logPosition } = await database.prisma.project.findUniqueOrThrow({ where: { id: projectId } });
    expect(seen).toEqual(Array.from({ length: Number(logPosition) }, (_, index) => BigInt(index + 1)));
    const sequences = new Map<string, bigint>();
    for (const { sessionId, sequence } of events) {
      if (sessionId === null) continue;
      expect(sequence).toBe((sequences.get(sessionId) ?? 0n) + 1n);
      sequences.set(sessionId, sequence!);
    }
  });

  test('counts each project on its own', async () => {
    const [one, two] = [await newCaller(), await newCaller()];

    await start(one);
    await start(two);
    await start(one);

    expect((await log(one)).map(({ position }) => position)).toEqual([1n, 2n]);
    expect((await log(two)).map(({ position }) => position)).toEqual([1n]);
  });

  test('gives what one transaction records its places in that order, in several sessions', async () => {
    const me = await newCaller();
    const [one, two] = [await start(me), await start(me)];

    await transact(store, me, async (tx) => {
      for (const session of [two, one, two]) tx.record({ type: 'PROGRESS', session });
      tx.record({ type: 'RESULT' });
      return {};
    });

    expect(
      (await log(me)).slice(2).map(({ position, sessionId, sequence }) => [position, sessionId, sequence]),
    ).toEqual([
      [3n, two.id, 2n],
      [4n, one.id, 2n],
      [5n, two.id, 3n],
      [6n, null, null],
    ]);
  });

  test('keeps with an event the run and the conversation of its session', async () => {
    const me = await newCaller();
    const { run } = await createRun(store, me, {});
    const session = await start(me, { runId: run.id, conversation: { platform: 'p', externalId: 'x' } });

    expect((await log(me, session))[0]).toMatchObject({ runId: run.id, conversationId: session.conversationId });
  });

  test('knows the bytes of what it keeps', async () => {
    const me = await newCaller();
    const session = await start(me);
    const [data, metadata] = [{ text: 'ü\u2028"\\' }, { n: 1 }];

    await appendEvents(store, me, { sessionId: session.id, events: [{ ...progress, data, metadata }] });

    const { sizeBytes, ...stored } = (await log(me)).at(-1)!;
    expect(stored).toMatchObject({ data, metadata });
    expect(sizeBytes).toBe(Buffer.byteLength(JSON.stringify(data)) + Buffer.byteLength(JSON.stringify(metadata)));
  });

  test('moves activity on for a sign of life, and for nothing else', async () => {
    const me = await newCaller();
    const session = await start(me);
    const activity = async () =>
      (await database.prisma.pulse.findFirstOrThrow({ where: { sessionId: session.id } })).lastActivityAt;
    const before = await activity();

    await transact(store, me, async (tx) => {
      tx.record({ type: 'RESULT', session });
      return {};
    });
    expect(await activity()).toEqual(before);
    await transact(store, me, async (tx) => {
      tx.showLife(session.id);
      tx.record({ type: 'RESULT', session });
      return {};
    });
    expect(await activity()).toEqual((await log(me)).at(-1)!.recordedAt);
  });
});
