import { afterAll, describe, expect, test } from 'vitest';
import type { DomainError } from '../../src/domain/errors.js';
import { encodeId } from '../../src/domain/id.js';
import { closeConversation, transitionSession } from '../../src/store/conversation.js';
import { startSession, type StartSessionInput } from '../../src/store/session.js';
import type { Caller, Session } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const conversation = { platform: 'slack', externalId: 'C1/42' };
const begin = (caller: Caller, input: Partial<StartSessionInput> = {}) =>
  startSession(store, caller, { kind: 'AGENT', takeOver: false, ...input });

describe('a place', () => {
  test.for([
    ['conversation', { conversation }],
    ['name', { agentName: 'coder' }],
  ] as const)(
    'that is held by %s is refused with its holder and how long that one has been silent',
    async ([, place]) => {
      const me = await newCaller();
      const holder = await start(me, place);
      const before = await log(me);
      await database.prisma.$transaction([
        // Else the trigger would keep what it was: signs of life never move back.
        database.prisma.$executeRaw`SET LOCAL session_replication_role = replica`,
        database.prisma.$executeRaw`
          UPDATE pulses SET last_activity_at = now() - interval '90 s' WHERE session_id = ${holder.id}::uuid`,
      ]);

      await expect(begin(me, place)).rejects.toMatchObject({
        code: 'SESSION_ALREADY_OPEN',
        extensions: {
          holderId: encodeId('Session', holder.id),
          holderState: 'BOOTING',
          holderSilentSeconds: expect.closeTo(92, -1) as number,
        },
      });
      expect(await log(me)).toEqual(before);
    },
  );

  test('goes to one of 50 who ask for it at once, and the others are told who holds it', async () => {
    const me = await newCaller();

    const answers = await Promise.allSettled(Array.from({ length: 50 }, () => begin(me, { agentName: 'coder' })));

    const winners = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value.session.id : []));
    const refusals = answers.flatMap((answer) => (answer.status === 'rejected' ? (answer.reason as DomainError) : []));
    expect(winners).toHaveLength(1);
    expect(refusals.map(({ code, extensions }) => [code, extensions.holderId])).toEqual(
      Array.from({ length: 49 }, () => ['SESSION_ALREADY_OPEN', encodeId('Session', winners[0]!)]),
    );
    expect(typesOf(await log(me))).toEqual(['SESSION_STARTED']);
  });

  test('is taken over where its caller asks for that: the holder ends and is the parent', async () => {
    const me = await newCaller();
    const holder = await start(me, { agentName: 'coder' });

    const { session, superseded } = await begin(me, { agentName: 'coder', takeOver: true });

    expect(superseded).toMatchObject({ id: holder.id, endReason: 'SUPERSEDED', outcome: 'UNKNOWN', endedBy: me.name });
    expect(session).toMatchObject({ parentId: holder.id, startReason: 'TAKEN_OVER', chainIndex: 1 });
  });

  test('that is free is begun in the ordinary way although its caller would take it over', async () => {
    const me = await newCaller();
    const { session, superseded } = await begin(me, { agentName: 'coder', takeOver: true });

    expect({ reason: session.startReason, superseded }).toEqual({ reason: 'REGISTERED', superseded: null });
  });

  test.for([
    ['name', { agentName: 'coder' }],
    ['conversation', { conversation }],
  ] as const)('by %s passes through the hands of 20 who take it over at once', async ([, place]) => {
    const me = await newCaller();
    await start(me, place);

    const answers = await Promise.all(Array.from({ length: 20 }, () => begin(me, { ...place, takeOver: true })));

    expect(answers.map(({ session }) => session.chainIndex).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  test('is two places for a session with conversation and name, and taking over ends both holders', async () => {
    const me = await newCaller();
    const holders = [await start(me, { conversation }), await start(me, { agentName: 'coder' })];

    const { session } = await begin(me, { conversation, agentName: 'coder', takeOver: true });

    for (const holder of holders) expect(await read(holder)).toMatchObject({ endReason: 'SUPERSEDED' });
    expect(session.parentId).toBe(holders[0]!.id);
  });
});

describe('a conversation', () => {
  const close = (caller: Caller) => closeConversation(store, caller, { conversation: { key: conversation } });

  test('that is closed ends its open session', async () => {
    const me = await newCaller();
    const session = await start(me, { conversation });

    const { conversation: closed, ended, position } = await close(me);

    expect(closed.closedAt).toBeInstanceOf(Date);
    expect(ended).toMatchObject({
      id: session.id,
      endReason: 'CONVERSATION_CLOSED',
      outcome: 'UNKNOWN',
      endedBy: me.name,
    });
    const events = await log(me);
    expect(typesOf(events).slice(-2)).toEqual(['SESSION_ENDED', 'CONVERSATION_CLOSED']);
    expect(events.at(-1)).toMatchObject({ position, conversationId: closed.id, sessionId: null });
  });

  test('that is closed twice, also at once, is closed by the first', async () => {
    const me = await newCaller();
    await start(me, { conversation });

    const answers = await Promise.all([close(me), close(me), close(me)]);
    const late = await close(me);

    expect(answers.filter(({ ended }) => ended)).toHaveLength(1);
    expect(late).toMatchObject({ ended: null, conversation: answers[0].conversation });
    expect(typesOf(await log(me)).filter((type) => type === 'CONVERSATION_CLOSED')).toHaveLength(1);
  });

  test('is closed by its trigger, too', async () => {
    const me = await newCaller();
    await start(me, { conversation });

    await transitionSession(store, me, { conversation, trigger: 'CONVERSATION_CLOSED' });

    expect(typesOf(await log(me)).slice(-2)).toEqual(['SESSION_ENDED', 'CONVERSATION_CLOSED']);
    expect((await close(me)).ended).toBeNull();
  });

  test('opens again with its next session, which continues the chain', async () => {
    const me = await newCaller();
    const first = await start(me, { conversation });
    const ways: ((last: Session) => Promise<Session | null>)[] = [
      () => start(me, { conversation }),
      async () => (await transitionSession(store, me, { conversation, trigger: 'FIRST_MESSAGE' })).session,
      async ({ id }) => (await transitionSession(store, me, { sessionId: id, trigger: 'PLAN_TO_EXECUTE' })).session,
    ];

    let last = first;
    for (const [index, begin] of ways.entries()) {
      await close(me);
      const next = await begin(last);
      expect(next).toMatchObject({ parentId: last.id, chainIndex: index + 1 });
      const { closedAt } = await database.prisma.conversation.findFirstOrThrow({
        where: { id: first.conversationId! },
      });
      expect(closedAt).toBeNull();
      const opened = (await log(me)).at(-2)!;
      expect(opened).toMatchObject({ type: 'CONVERSATION_OPENED', data: { ...conversation, reopened: true } });
      last = next!;
    }
  });

  test('is not opened by a trigger that begins nothing', async () => {
    const me = await newCaller();
    await start(me, { conversation });
    await close(me);
    const before = await log(me);

    await transitionSession(store, me, { conversation, trigger: 'RESET_REQUESTED' });

    expect(await log(me)).toEqual(before);
  });

  test('of another project is unknown here', async () => {
    const [me, other] = [await newCaller(), await newCaller()];
    const { conversationId } = await start(other, { conversation });

    await expect(close(me)).rejects.toMatchObject({ code: 'NOT_FOUND', extensions: { kind: 'Conversation' } });
    await expect(closeConversation(store, me, { conversation: { id: conversationId! } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(
      closeConversation(store, me, { conversation: { key: { platform: '', externalId: 'x' } } }),
    ).rejects.toMatchObject({ code: 'VALIDATION' });
  });
});
