import { afterAll, describe, expect, test } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { lockOpenSession, moveSession } from '../../src/store/lifecycle.js';
import { transact } from '../../src/store/transaction.js';
import type { Session } from '../../src/store/store.js';
import { openGraphql, type Data } from '../support/graphql.js';

const graphql = await openGraphql();
const { store, caller, start } = graphql;
afterAll(() => graphql[Symbol.asyncDispose]());

const idOf = ({ id }: Session) => encodeId('Session', id);
const move = ({ id }: Session, action: 'stall' | 'die') =>
  transact(store, caller, async (tx) => moveSession(tx, await lockOpenSession(tx, id), action));
const beat = ({ id }: Session) => heartbeat(store, caller, { sessionId: id });
const ESCALATE = 'session { state liveness { escalationLevel } } position';

describe('escalateSession', () => {
  test('raises the level of a stalled session, with a signal for each step', async () => {
    const session = await start(caller);
    await move(session, 'stall');

    const answer = await graphql.act('escalateSession', { sessionId: idOf(session), level: 3, note: 'now' }, ESCALATE);

    expect(answer.session).toEqual({ state: 'STALLED', liveness: { escalationLevel: 3 } });
    const { node } = await graphql.ask(
      'query ($id: ID!) { node(id: $id) { ... on Session { pendingSignals { kind } } } }',
      { id: idOf(session) },
    );
    expect(node.pendingSignals.map(({ kind }: Data) => kind)).toEqual(['NUDGE', 'STOP']);
  });

  test('leaves a level that was reached already', async () => {
    const session = await start(caller);
    await move(session, 'stall');
    const escalate = (level: number) => graphql.act('escalateSession', { sessionId: idOf(session), level }, ESCALATE);
    const { position } = await escalate(2);

    expect(await escalate(1)).toEqual({ session: { state: 'STALLED', liveness: { escalationLevel: 2 } }, position });
  });

  test('is refused for a session that is not stalled, a level that does not exist and an id that is unknown', async () => {
    const document = 'mutation ($input: EscalateSessionInput!) { escalateSession(input: $input) { position } }';
    const codeOf = async (input: object) => (await graphql.refusal(document, { input })).extensions.code;
    const session = await start(caller);

    expect(await codeOf({ sessionId: idOf(session), level: 1 })).toBe('ILLEGAL_TRANSITION');
    expect(await codeOf({ sessionId: idOf(session), level: 4 })).toBe('VALIDATION');
    expect(await codeOf({ sessionId: 'ses_unknown', level: 1 })).toBe('NOT_FOUND');
  });
});

describe('sessionStalled', () => {
  test('tells stalls, rises, deaths and returns of the sessions that the filter lets through, in order', async () => {
    const { logPosition } = (await graphql.ask('{ project { logPosition } }')).project;
    const session = await start(caller, { taskId: 'T-silence' });
    const other = await start(caller);
    await move(session, 'stall');
    await move(other, 'stall');
    await graphql.act('escalateSession', { sessionId: idOf(session), level: 1 }, ESCALATE);
    await beat(session);
    await move(session, 'die');
    await beat(session);
    await graphql.act('reviveSession', { sessionId: idOf(session) }, 'position');

    const stream = await graphql.watch(
      `subscription ($after: SafeInt) { sessionStalled(after: $after, filter: { taskId: "T-silence" }) {
        session { id } state escalationLevel position event { position type } at
      } }`,
      { after: logPosition },
    );
    const heard: Data[] = [];
    for await (const { sessionStalled } of stream) {
      heard.push(sessionStalled);
      if (heard.length === 5) break;
    }

    expect(heard.map(({ event, state, escalationLevel }) => [event.type, state, escalationLevel])).toEqual([
      ['SESSION_STALLED', 'STALLED', 0],
      ['SESSION_ESCALATED', 'STALLED', 1],
      ['SESSION_RECOVERED', 'WORKING', null],
      ['SESSION_ZOMBIE', 'ZOMBIE', null],
      ['SESSION_REVIVED', 'WORKING', null],
    ]);
    for (const { session: told, position, event } of heard) {
      expect([told.id, position]).toEqual([idOf(session), event.position]);
    }
  });
});
