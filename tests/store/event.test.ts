import { afterAll, describe, expect, test } from 'vitest';
import { SERVICE_EVENT_TYPES } from '../../src/domain/event.js';
import { encodeId } from '../../src/domain/id.js';
import { appendEvents, type EventInput } from '../../src/store/event.js';
import { endSession } from '../../src/store/session.js';
import type { Caller } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const append = (caller: Caller, sessionId: string, events: Partial<EventInput>[]) =>
  appendEvents(store, caller, {
    sessionId,
    events: events.map((event) => ({ type: 'PROGRESS', level: 'INFO', ...event })),
  });
const finish = (caller: Caller, sessionId: string) =>
  endSession(store, caller, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' });

describe('an append', () => {
  test('of a context that the agent tells moves the context of the session, and nonsense is refused', async () => {
    const me = await newCaller();
    const { id: sessionId } = await start(me);
    const where = { projectId_sessionId: { projectId: me.projectId, sessionId } };
    const tell = (...percents: unknown[]) =>
      append(
        me,
        sessionId,
        percents.map((contextPercent) => ({ type: 'CONTEXT_WINDOW_UPDATED', data: { contextPercent } })),
      );

    await tell(20, 61.5);
    await expect(tell(70, 'full', 101)).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [1, 2].map((index) => ({ path: `input.events.${index}.data.contextPercent` })) },
    });

    expect(await database.prisma.pulse.findUnique({ where })).toMatchObject({
      contextPercent: 61.5,
      recordedContext: 61.5,
    });
  });

  test('answers with the events as they are stored, in the order of the input', async () => {
    const me = await newCaller();
    const { id } = await start(me);
    const occurredAt = new Date('2026-01-01T00:00:00.000Z');

    const { events, position } = await append(me, id, [
      { type: 'TOOL_STARTED', level: 'DEBUG', toolName: 'Bash', data: { a: [1, 'ü'] }, metadata: { m: 1 }, occurredAt },
      { type: 'CUSTOM', name: 'mine', dedupeKey: 'k' },
    ]);

    expect(events).toEqual((await log(me)).slice(-2));
    expect(events).toMatchObject([
      { type: 'TOOL_STARTED', level: 'DEBUG', toolName: 'Bash', data: { a: [1, 'ü'] }, metadata: { m: 1 }, occurredAt },
      { type: 'CUSTOM', name: 'mine', data: {}, metadata: {}, dedupeKey: 'k', toolName: null },
    ]);
    expect(position).toBe(events[1]!.position);
  });

  test('is a sign of life: a session that boots is working before the event', async () => {
    const me = await newCaller();
    const session = await start(me);

    await append(me, session.id, [{}]);
    await append(me, session.id, [{}]);

    const events = await log(me);
    expect(typesOf(events)).toEqual(['SESSION_STARTED', 'SESSION_STATE_CHANGED', 'PROGRESS', 'PROGRESS']);
    expect(events[1]!.data).toEqual({ from: 'BOOTING', to: 'WORKING' });
    expect(await read(session)).toMatchObject({ state: 'WORKING', version: 2 });
    const where = { projectId_sessionId: { projectId: me.projectId, sessionId: session.id } };
    const pulse = await database.prisma.pulse.findUniqueOrThrow({ where });
    expect(pulse.lastActivityAt).toEqual(events[3]!.recordedAt);
    expect(pulse.lastHeartbeatAt).toBeNull();
  });

  test('gives 100 calls at once consecutive sequences', async () => {
    const me = await newCaller();
    const session = await start(me);

    await Promise.all(Array.from({ length: 100 }, (_, index) => append(me, session.id, [{ data: { index } }])));

    const events = await log(me, session);
    expect(events.map(({ sequence }) => sequence)).toEqual(events.map((_, index) => BigInt(index + 1)));
    expect(typesOf(events).filter((type) => type === 'PROGRESS')).toHaveLength(100);
    expect(typesOf(events).filter((type) => type === 'SESSION_STATE_CHANGED')).toHaveLength(1);
  });

  test('takes 500 events, in their order', async () => {
    const me = await newCaller();
    const session = await start(me);

    await append(
      me,
      session.id,
      Array.from({ length: 500 }, (_, index) => ({ data: { index } })),
    );

    const events = (await log(me, session)).slice(2);
    expect(events.map(({ data }) => data)).toEqual(Array.from({ length: 500 }, (_, index) => ({ index })));
  });

  test('keeps the run and the conversation of its session', async () => {
    const me = await newCaller();
    const session = await start(me, { conversation: { platform: 'p', externalId: 'x' } });

    const { events } = await append(me, session.id, [{}]);

    expect(events[0]).toMatchObject({ conversationId: session.conversationId, runId: session.runId });
  });

  test.for([
    ['of 1970', new Date(0), new Date(0)],
    ['before that', new Date('1969-01-01T00:00:00.000Z'), new Date('1969-01-01T00:00:00.000Z')],
  ] as const)('keeps a time %s', async ([, occurredAt, kept]) => {
    const me = await newCaller();
    const { id } = await start(me);

    const { events } = await append(me, id, [{ occurredAt }]);

    expect(events[0]!.occurredAt).toEqual(kept);
  });

  test('never happened later than it was recorded, though the caller’s clock is ahead', async () => {
    const me = await newCaller();
    const { id } = await start(me);

    const { events } = await append(me, id, [{ occurredAt: new Date(store.now().getTime() + 3_000) }]);

    expect(events[0]!.occurredAt).toEqual(events[0]!.recordedAt);
  });
});

describe('a dedupeKey', () => {
  test('that is repeated in another call answers with the event that is there', async () => {
    const me = await newCaller();
    const { id } = await start(me);
    const first = await append(me, id, [{ dedupeKey: 'a', data: { n: 1 } }]);

    const second = await append(me, id, [{ dedupeKey: 'b' }, { dedupeKey: 'a', data: { n: 2 } }, {}]);

    expect(second.events[1]).toEqual(first.events[0]);
    expect(second.events.map(({ sequence }) => sequence)).toEqual([4n, 3n, 5n]);
    expect(second.position).toBe(second.events[2]!.position);
  });

  test('that is repeated within a call stands for one event', async () => {
    const me = await newCaller();
    const session = await start(me);

    const { events } = await append(me, session.id, [{ dedupeKey: 'a' }, { dedupeKey: 'a' }, {}, {}]);

    expect(events[1]).toEqual(events[0]);
    expect(await log(me, session)).toHaveLength(5);
  });

  test('of ten equal calls at once makes one event', async () => {
    const me = await newCaller();
    const session = await start(me);

    const answers = await Promise.all(Array.from({ length: 10 }, () => append(me, session.id, [{ dedupeKey: 'a' }])));

    expect(new Set(answers.map(({ events }) => events[0]!.id)).size).toBe(1);
    expect(await log(me, session)).toHaveLength(3);
  });

  test('belongs to its session: the same key in another one is another event', async () => {
    const me = await newCaller();
    const [one, two] = [await start(me), await start(me)];

    const answers = [await append(me, one.id, [{ dedupeKey: 'a' }]), await append(me, two.id, [{ dedupeKey: 'a' }])];

    expect(new Set(answers.map(({ events }) => events[0]!.id)).size).toBe(2);
  });

  test('is answered after the end of the session too, where the call asks for nothing new', async () => {
    const me = await newCaller();
    const { id } = await start(me);
    const first = await append(me, id, [{ dedupeKey: 'a' }]);
    await finish(me, id);
    const before = await log(me);

    const again = await append(me, id, [{ dedupeKey: 'a' }]);

    expect(again).toEqual({ events: first.events, position: before.at(-1)!.position });
    expect(await log(me)).toEqual(before);
    await expect(append(me, id, [{ dedupeKey: 'a' }, {}])).rejects.toMatchObject({ code: 'SESSION_ENDED' });
  });
});

describe('a cause', () => {
  test('is an earlier event of the project, of whatever session', async () => {
    const me = await newCaller();
    const [one, two] = [await start(me), await start(me)];
    const { events: causes } = await append(me, one.id, [{}]);

    const { events } = await append(me, two.id, [{ causeId: causes[0]!.id }]);

    expect(events[0]!.causeId).toBe(causes[0]!.id);
    expect((await log(me, two)).at(-1)!.causeId).toBe(causes[0]!.id);
  });

  test('is named by its dedupeKey, within the call or across calls', async () => {
    const me = await newCaller();
    const { id } = await start(me);

    const { events } = await append(me, id, [{ dedupeKey: 'call' }, { causeDedupeKey: 'call', dedupeKey: 'answer' }]);
    const { events: later } = await append(me, id, [{ causeDedupeKey: 'call' }, { causeDedupeKey: 'answer' }]);

    expect([...events, ...later].map(({ causeId }) => causeId)).toEqual([
      null,
      events[0]!.id,
      events[0]!.id,
      events[1]!.id,
    ]);
  });

  test('that comes after its effect in the call is unknown, and nothing is stored', async () => {
    const me = await newCaller();
    const { id } = await start(me);

    await expect(append(me, id, [{ causeDedupeKey: 'later' }, { dedupeKey: 'later' }])).rejects.toMatchObject({
      code: 'NOT_FOUND',
      extensions: { kind: 'Event', ref: 'later' },
    });
    expect(await log(me)).toHaveLength(1);
  });

  test('of another project is unknown, and nothing is stored', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const [mine, theirs] = [await start(me), await start(other)];
    const { events } = await append(other, theirs.id, [{}]);
    const causeId = events[0]!.id;

    await expect(append(me, mine.id, [{}, { causeId }])).rejects.toMatchObject({
      code: 'NOT_FOUND',
      extensions: { kind: 'Event', ref: encodeId('Event', causeId) },
    });
    expect(await log(me)).toHaveLength(1);
  });
});

describe('an append is refused', () => {
  test.for(SERVICE_EVENT_TYPES)('for a %s, which the service alone writes', async (type) => {
    await expect(append(fixture.caller, 'unread', [{ type }])).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: 'input.events.0.type' }] },
    });
  });

  test.for<[string, Partial<EventInput>]>([
    ['name', { type: 'CUSTOM' }],
    ['name', { type: 'CUSTOM', name: '' }],
    ['toolName', { toolName: 'x'.repeat(129) }],
    ['dedupeKey', { dedupeKey: 'x'.repeat(201) }],
    ['data', { data: [] }],
    ['data', { data: { a: 'nul\0' } }],
    ['metadata', { metadata: 'text' }],
    ['occurredAt', { occurredAt: new Date('9000-01-01') }],
    ['causeDedupeKey', { causeId: '01900000-0000-7000-8000-000000000001', causeDedupeKey: 'k' }],
  ])('for its %s, with all of its call', async ([field, event]) => {
    const me = await newCaller();
    const { id } = await start(me);

    await expect(append(me, id, [{}, event])).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: `input.events.1.${field}` }] },
    });
    expect(await log(me)).toHaveLength(1);
  });

  test('for JSON of more than 256 KiB, with the path and the bytes', async () => {
    const me = await newCaller();
    const { id } = await start(me);
    const text = 'x'.repeat(256 * 1024 - '{"t":""}'.length);

    await expect(append(me, id, [{}, { data: { t: `${text}x` } }])).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      extensions: { path: 'input.events.1.data', limitBytes: 262_144, actualBytes: 262_145 },
    });
    expect(await log(me)).toHaveLength(1);
    expect((await append(me, id, [{ data: { t: text } }])).events).toHaveLength(1);
  });

  test.for([0, 501])('for %i events', async (length) => {
    await expect(
      append(
        fixture.caller,
        'unread',
        Array.from({ length }, () => ({})),
      ),
    ).rejects.toMatchObject({
      code: 'VALIDATION',
      extensions: { issues: [{ path: 'input.events' }] },
    });
  });

  test('for a session of another project', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const theirs = await start(other);

    await expect(append(me, theirs.id, [{}])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await log(other)).toHaveLength(1);
  });
});
