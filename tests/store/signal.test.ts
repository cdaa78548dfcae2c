import { afterAll, describe, expect, test } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { endSession } from '../../src/store/session.js';
import { acknowledgeSignals, pendingSignals, sendSignal, type SendSignalInput } from '../../src/store/signal.js';
import type { Caller, Session, Signal } from '../../src/store/store.js';
import { openStore, typesOf } from '../support/store.js';

const { store, database, newCaller, start, read, log, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const send = async (caller: Caller, { id }: Session, input: Partial<SendSignalInput> = {}): Promise<Signal> =>
  (await sendSignal(store, caller, { sessionId: id, kind: 'NUDGE', ...input })).signal;
const acknowledge = (caller: Caller, { id }: Session, ...signals: Pick<Signal, 'id'>[]) =>
  acknowledgeSignals(store, caller, { sessionId: id, signalIds: signals.map((signal) => signal.id) });
const pending = ({ projectId, id }: Session) => pendingSignals(database.prisma, projectId, id);

describe('a signal', () => {
  test('is pending and carries who sent it, and the log tells it without its payload', async () => {
    const me = await newCaller();
    const session = await start(me);

    const signal = await send(me, session, { kind: 'MESSAGE', note: 'Look here', payload: { line: 3 } });

    expect(signal).toMatchObject({
      sessionId: session.id,
      kind: 'MESSAGE',
      note: 'Look here',
      payload: { line: 3 },
      sentBy: me.name,
      acknowledgedAt: null,
      cancelledAt: null,
    });
    expect(await pending(session)).toEqual([signal]);
    const told = (await log(me)).at(-1)!;
    expect(told.type).toBe('SIGNAL_SENT');
    expect(told.data).toEqual({
      signalId: encodeId('Signal', signal.id),
      kind: 'MESSAGE',
      note: 'Look here',
      by: me.name,
    });
    expect(await read(session)).toMatchObject({ state: 'BOOTING' });
  });

  test.for([0, false, '', ['a']])('may carry %j', async (payload) => {
    const me = await newCaller();

    expect(await send(me, await start(me), { payload })).toMatchObject({ payload });
  });

  test('comes with each heartbeat, oldest first, until it is acknowledged', async () => {
    const me = await newCaller();
    const session = await start(me);
    const first = await send(me, session);
    const second = await send(me, session, { kind: 'STOP' });
    const beat = () => heartbeat(store, me, { sessionId: session.id });

    for (let round = 0; round < 2; round++) {
      expect(await beat()).toMatchObject({ signals: [first, second], recommendedAction: 'STOP' });
    }
    await acknowledge(me, session, second);
    expect(await beat()).toMatchObject({ signals: [first], recommendedAction: 'NONE' });
    await acknowledge(me, session, first);
    expect(await beat()).toMatchObject({ signals: [] });
  });
});

describe('an acknowledgement', () => {
  test('takes signals off the list, answered in the order of the call, each told once', async () => {
    const me = await newCaller();
    const session = await start(me);
    const [one, two, three] = [await send(me, session), await send(me, session), await send(me, session)];
    const before = (await log(me)).length;

    const { signals } = await acknowledge(me, session, three, one);

    expect(signals.map(({ id }) => id)).toEqual([three.id, one.id]);
    for (const { acknowledgedAt } of signals) expect(acknowledgedAt).toBeInstanceOf(Date);
    expect(await pending(session)).toEqual([two]);
    const told = (await log(me)).slice(before);
    expect(typesOf(told)).toEqual(['SIGNAL_ACKNOWLEDGED', 'SIGNAL_ACKNOWLEDGED']);
    const named = told.map(({ data }) => (data as { signalId: string }).signalId);
    expect(named.sort()).toEqual([one, three].map(({ id }) => encodeId('Signal', id)).sort());
  });

  test('of what was acknowledged before changes and writes nothing', async () => {
    const me = await newCaller();
    const session = await start(me);
    const signal = await send(me, session);
    const first = await acknowledge(me, session, signal);
    const before = await log(me);

    const second = await acknowledge(me, session, signal);

    expect(second.signals).toEqual(first.signals);
    expect(await log(me)).toEqual(before);
  });

  test('is told once of five at once', async () => {
    const me = await newCaller();
    const session = await start(me);
    const signal = await send(me, session);

    const answers = await Promise.all(Array.from({ length: 5 }, () => acknowledge(me, session, signal)));

    for (const { signals } of answers) expect(signals).toEqual(answers[0]!.signals);
    expect(typesOf(await log(me)).filter((type) => type === 'SIGNAL_ACKNOWLEDGED')).toHaveLength(1);
  });

  test('of one that the session does not have is refused whole', async () => {
    const me = await newCaller();
    const [session, other] = [await start(me), await start(me)];
    const [mine, foreign] = [await send(me, session), await send(me, other)];

    for (const unknown of [foreign, { id: newId() }]) {
      await expect(acknowledge(me, session, mine, unknown)).rejects.toMatchObject({
        code: 'NOT_FOUND',
        extensions: { kind: 'Signal', ref: encodeId('Signal', unknown.id) },
      });
    }
    expect(await pending(session)).toEqual([mine]);
  });

  test('names 1 to 500', async () => {
    const me = await newCaller();
    const session = await start(me);
    const refusal = { code: 'VALIDATION', extensions: { issues: [{ path: 'input.signalIds' }] } };

    await expect(acknowledge(me, session)).rejects.toMatchObject(refusal);
    const many = Array.from({ length: 501 }, () => ({ id: newId() }));
    await expect(acknowledge(me, session, ...many)).rejects.toMatchObject(refusal);
  });

  test('comes too late after the end', async () => {
    const me = await newCaller();
    const session = await start(me);
    const signal = await send(me, session);
    await endSession(store, me, { sessionId: session.id, reason: 'STOPPED', outcome: 'ABORTED' });

    await expect(acknowledge(me, session, signal)).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    expect(await pending(session)).toEqual([]);
  });
});
