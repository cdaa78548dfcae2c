import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mutation, openGraphql, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const act: TestGraphql['act'] = (...call) => graphql.act(...call);
const start = async (): Promise<string> => (await act('startSession', {}, 'session { id }')).session.id;

describe('signals', () => {
  const PENDING = 'query ($id: ID!) { session(by: { id: $id }) { pendingSignals { id } } }';

  it('come back in the answers to heartbeats until they are acknowledged', async () => {
    const sessionId = await start();
    const send = async (kind: string, input: object = {}) =>
      (await act('sendSignal', { sessionId, kind, ...input }, 'signal { id kind note payload sentBy session { id } }'))
        .signal;
    const message = await send('MESSAGE', { note: 'read this', payload: { a: [1] } });
    expect(message).toMatchObject({
      note: 'read this',
      payload: { a: [1] },
      sentBy: 'tester',
      session: { id: sessionId },
    });
    const beat = () => act('heartbeat', { sessionId }, 'recommendedAction signals { id kind }');
    expect(await beat()).toEqual({ recommendedAction: 'NONE', signals: [{ id: message.id, kind: 'MESSAGE' }] });
    const stop = await send('STOP');
    const suspend = await send('SUSPEND');
    expect(await beat()).toMatchObject({
      recommendedAction: 'STOP',
      signals: [{ id: message.id }, { id: stop.id }, { id: suspend.id }],
    });
    expect((await graphql.ask(PENDING, { id: sessionId })).session.pendingSignals).toHaveLength(3);
    const acknowledge = (ids: string[]) =>
      act('acknowledgeSignals', { sessionId, signalIds: ids }, 'signals { id acknowledgedAt }');
    const heard = await acknowledge([stop.id, message.id]);
    expect(heard.signals).toMatchObject([{ id: stop.id }, { id: message.id }]);
    expect(await acknowledge([message.id, stop.id])).toEqual({ signals: heard.signals.toReversed() });
    expect(await beat()).toMatchObject({ recommendedAction: 'SUSPEND', signals: [{ id: suspend.id }] });
    const { extensions } = await graphql.refusal(mutation('acknowledgeSignals', 'position'), {
      input: { sessionId, signalIds: ['sig_x'] },
    });
    expect(extensions).toMatchObject({ code: 'NOT_FOUND', kind: 'Signal' });
  });

  it('cost a plain heartbeat no statement where none is pending, and one where some are', async () => {
    const sessionId = await start();
    const beat = async () => {
      graphql.statements.length = 0;
      await act('heartbeat', { sessionId }, 'recommendedAction signals { kind }');
      return graphql.statements.length;
    };
    await beat();
    expect(await beat()).toBe(1);
    await act('sendSignal', { sessionId, kind: 'CHECKPOINT' }, 'position');
    expect(await beat()).toBe(2);
  });
});
