import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { COMMANDS_MAX_PER_CALL, JSON_MAX_BYTES } from '../../src/domain/limits.js';
import { logCommands, type CommandInput } from '../../src/store/command.js';
import { appendEvents } from '../../src/store/event.js';
import { endSession } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { PASSWORD } from '../support/secret.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const command = (input: Partial<CommandInput> = {}): CommandInput => ({
  commandType: 'shell',
  action: 'ls',
  success: true,
  source: 'AUTO',
  ...input,
});
const logAll = (caller: Caller, { id }: Session, ...inputs: Partial<CommandInput>[]) =>
  logCommands(store, caller, { sessionId: id, commands: inputs.map(command) });
const commandsOf = ({ projectId, id: sessionId }: Session) =>
  database.prisma.command.findMany({ where: { projectId, sessionId }, orderBy: { sequence: 'asc' } });
const upTo = (count: number) => Array.from({ length: count }, (_, index) => BigInt(index + 1));

describe('commands', () => {
  test('are kept whole, and answered in the order of the call', async () => {
    const me = await newCaller();
    const session = await start(me);
    const whole = {
      commandType: 'tool',
      action: 'edit',
      toolName: 'Edit',
      parameters: { path: 'a.ts' },
      result: ['ok', null],
      success: false,
      errorMessage: 'no such file',
      executionTimeMs: 12,
      tags: ['fs', 'write'],
      contextData: { epic: 'E' },
      source: 'EXPLICIT',
    } as const;

    const { commands } = await logAll(me, session, whole, { action: 'b' }, { action: 'c' });

    expect(commands).toEqual(await commandsOf(session));
    expect(commands.map(({ sequence, action }) => [sequence, action])).toEqual([
      [1n, 'edit'],
      [2n, 'b'],
      [3n, 'c'],
    ]);
    expect(commands[0]).toMatchObject({ ...whole, redacted: false });
    const bare = { toolName: null, parameters: null, result: null, errorMessage: null, executionTimeMs: null };
    expect(commands[1]).toMatchObject({ ...bare, tags: [], contextData: null });
  });

  test('keep any JSON as it came: 0, false and an empty text too', async () => {
    const me = await newCaller();
    const session = await start(me);

    await logAll(me, session, { parameters: 0, result: false }, { parameters: '', result: [] });

    expect(await commandsOf(session)).toMatchObject([
      { parameters: 0, result: false },
      { parameters: '', result: [] },
    ]);
  });

  test('are kept without the secrets that their action names', async () => {
    const me = await newCaller();
    const session = await start(me);

    const { commands } = await logAll(me, session, { action: `curl -H "X-Api-Key: ${PASSWORD}" example.org` });

    expect(commands).toMatchObject([{ action: 'curl -H "X-Api-Key: [REDACTED]" example.org', redacted: true }]);
    expect(await commandsOf(session)).toEqual(commands);
  });

  test('are told by the log without what they carried', async () => {
    const me = await newCaller();
    const session = await start(me);

    const { commands, position } = await logAll(me, session, {
      action: 'fetch',
      toolName: 'Fetch',
      parameters: { url: 'payload' },
      result: 'payload',
      success: false,
      errorMessage: 'payload',
      executionTimeMs: 7,
      contextData: { a: 'payload' },
    });

    const events = await log(me);
    expect(typesOf(events)).toEqual(['SESSION_STARTED', 'SESSION_STATE_CHANGED', 'COMMAND_LOGGED']);
    expect(events[2]).toMatchObject({ position, toolName: 'Fetch', metadata: {} });
    expect(events[2]!.data).toEqual({
      commandId: encodeId('Command', commands[0]!.id),
      action: 'fetch',
      toolName: 'Fetch',
      success: false,
      executionTimeMs: 7,
    });
    expect(await read(session)).toMatchObject({ state: 'WORKING' });
  });

  test('stand each right before the event that tells of them', async () => {
    const me = await newCaller();
    const session = await start(me);
    await logAll(me, session, {}, {});
    await appendEvents(store, me, { sessionId: session.id, events: [{ type: 'PROGRESS', level: 'INFO' }] });
    await logAll(me, session, {});

    const told = (await log(me, session)).filter(({ type }) => type === 'COMMAND_LOGGED');
    expect((await commandsOf(session)).map(({ eventSequence }) => eventSequence)).toEqual(
      told.map(({ sequence }) => sequence! - 1n),
    );
  });

  test('of 20 calls at once are numbered without a gap, those of a call together', async () => {
    const me = await newCaller();
    const session = await start(me);

    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, call) => logAll(me, session, { action: `${call}` }, { action: `${call}` })),
    );

    const all = await commandsOf(session);
    expect(all.map(({ sequence }) => sequence)).toEqual(upTo(40));
    for (const { commands } of answers) expect(commands[1]!.sequence).toBe(commands[0]!.sequence + 1n);
    const events = await log(me, session);
    expect(events.map(({ sequence }) => sequence)).toEqual(upTo(42));
  });

  test('that report the past are told as of then', async () => {
    const me = await newCaller();
    const session = await start(me);
    const occurredAt = new Date('2024-05-01T10:00:00Z');

    await logAll(me, session, { occurredAt }, {});

    const [past, now] = await commandsOf(session);
    expect(past).toMatchObject({ createdAt: occurredAt });
    expect(now!.createdAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect((await log(me)).at(-2)).toMatchObject({ type: 'COMMAND_LOGGED', occurredAt });
  });
});

describe('a dedupe key', () => {
  test('within a call names one command, answered wherever it stands', async () => {
    const me = await newCaller();
    const session = await start(me);

    const { commands } = await logAll(
      me,
      session,
      { action: 'first', dedupeKey: 'k' },
      { action: 'between' },
      { action: 'again', dedupeKey: 'k' },
      { action: 'last' },
    );

    expect(commands.map(({ action }) => action)).toEqual(['first', 'between', 'first', 'last']);
    expect(commands[2]).toEqual(commands[0]);
    expect(await commandsOf(session)).toHaveLength(3);
  });

  test('of an earlier call is answered with what is there, among what is new', async () => {
    const me = await newCaller();
    const session = await start(me);
    const first = await logAll(me, session, { dedupeKey: 'a' }, { dedupeKey: 'b' });
    const before = await log(me);

    const again = await logAll(me, session, { dedupeKey: 'b', action: 'other' }, { dedupeKey: 'a' });
    expect(again.commands).toEqual(first.commands.toReversed());
    expect(await log(me)).toEqual(before);

    const more = await logAll(me, session, { action: 'x' }, { dedupeKey: 'b' }, { dedupeKey: 'c', action: 'y' });
    expect(more.commands.map(({ action }) => action)).toEqual(['x', 'ls', 'y']);
    expect(await commandsOf(session)).toHaveLength(4);
  });

  test('is answered after the end too, but nothing new is taken with it', async () => {
    const me = await newCaller();
    const session = await start(me);
    const first = await logAll(me, session, { dedupeKey: 'a' });
    await endSession(store, me, { sessionId: session.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    const before = await log(me);

    expect((await logAll(me, session, { dedupeKey: 'a' })).commands).toEqual(first.commands);
    expect(await log(me)).toEqual(before);
    await expect(logAll(me, session, { dedupeKey: 'a' }, {})).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    expect(await commandsOf(session)).toHaveLength(1);
  });

  test('of ten equal calls at once is one command', async () => {
    const me = await newCaller();
    const session = await start(me);

    const answers = await Promise.all(Array.from({ length: 10 }, () => logAll(me, session, { dedupeKey: 'k' })));

    expect(new Set(answers.map(({ commands }) => commands[0]!.id)).size).toBe(1);
    expect(typesOf(await log(me)).filter((type) => type === 'COMMAND_LOGGED')).toHaveLength(1);
  });

  test('belongs to its session', async () => {
    const me = await newCaller();
    const [one, two] = [await start(me), await start(me)];
    await logAll(me, one, { dedupeKey: 'k' });

    expect((await logAll(me, two, { dedupeKey: 'k' })).commands).toMatchObject([{ sessionId: two.id }]);
  });
});

describe('a call', () => {
  test('of one command that is not valid stores none of them, and says which', async () => {
    const me = await newCaller();
    const session = await start(me);
    const bad: [Partial<CommandInput>, string][] = [
      [{ commandType: '' }, 'commandType'],
      [{ action: 'x'.repeat(513) }, 'action'],
      [{ toolName: 'x'.repeat(129) }, 'toolName'],
      [{ executionTimeMs: -1 }, 'executionTimeMs'],
      [{ dedupeKey: 'x'.repeat(201) }, 'dedupeKey'],
      [{ parameters: { a: '\0' } }, 'parameters'],
      [{ contextData: [] }, 'contextData'],
      [{ errorMessage: 'x'.repeat(65_537) }, 'errorMessage'],
      [{ occurredAt: new Date(Date.now() + 60_000) }, 'occurredAt'],
    ];

    for (const [input, field] of bad) {
      await expect(logAll(me, session, {}, input), field).rejects.toMatchObject({
        code: 'VALIDATION',
        extensions: { issues: [{ path: `input.commands.1.${field}` }] },
      });
    }
    await expect(logAll(me, session, {}, { result: 'x'.repeat(JSON_MAX_BYTES) })).rejects.toMatchObject({
      code: 'PAYLOAD_TOO_LARGE',
      extensions: { path: 'input.commands.1.result', limitBytes: JSON_MAX_BYTES, actualBytes: JSON_MAX_BYTES + 2 },
    });
    expect(await commandsOf(session)).toEqual([]);
    expect(await read(session)).toMatchObject({ state: 'BOOTING' });
  });

  test('has 1 to 500 commands', async () => {
    const me = await newCaller();
    const session = await start(me);
    const many = (count: number) => Array.from({ length: count }, () => ({}));
    const refusal = { code: 'VALIDATION', extensions: { issues: [{ path: 'input.commands' }] } };

    await expect(logAll(me, session)).rejects.toMatchObject(refusal);
    await expect(logAll(me, session, ...many(COMMANDS_MAX_PER_CALL + 1))).rejects.toMatchObject(refusal);
    const { commands } = await logAll(me, session, ...many(COMMANDS_MAX_PER_CALL));
    expect(commands.map(({ sequence }) => sequence)).toEqual(upTo(COMMANDS_MAX_PER_CALL));
  });
});
