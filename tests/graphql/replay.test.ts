import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/database/client.js';
import { encodeId } from '../../src/domain/id.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { reviveSession } from '../../src/store/revive.js';
import { resumeSession, suspendSession } from '../../src/store/suspension.js';
import { endSession } from '../../src/store/session.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const REPLAY = `query ($id: ID!, $toSequence: SafeInt) { session(by: { id: $id }) {
  state endReason contextPercent currentEpic latestCheckpoint { id }
  liveness { escalationLevel } events(last: 1) { nodes { sequence type } }
  replay(toSequence: $toSequence) {
    sequence state endReason contextPercent currentEpic escalationLevel lastEventType latestCheckpoint { id }
  }
} }`;
const read = async ({ id }: Session, toSequence?: number): Promise<Data> =>
  (await graphql.ask(REPLAY, { id: encodeId('Session', id), toSequence })).session;

describe('a session that is replayed', () => {
  it('stands after each step of its life as its row does, then and ever after', async () => {
    const { store, caller } = graphql;
    const session = await graphql.start(caller, { contextPercent: 10, currentEpic: 'epic' });
    const sessionId = session.id;
    const steps: (() => Promise<unknown>)[] = [
      () => heartbeat(store, caller, { sessionId, contextPercent: 30 }),
      () => appendEvents(store, caller, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO' }] }),
      () => createCheckpoint(store, caller, { sessionId, type: 'MANUAL', trigger: 'MANUAL', workState: {} }),
      () => suspendSession(store, caller, { sessionId }),
      () => resumeSession(store, caller, { sessionId }),
      () => heartbeat(store, caller, { sessionId, processAlive: false }),
      () => heartbeat(store, caller, { sessionId, contextPercent: 60 }),
      () => reviveSession(store, caller, { sessionId }),
      () => createCheckpoint(store, caller, { sessionId, type: 'AUTOMATIC', trigger: 'TIMED', workState: {} }),
      () => endSession(store, caller, { sessionId, reason: 'FINISHED', outcome: 'SUCCESS' }),
    ];
    const seen: Data[] = [];
    for (const step of [() => Promise.resolve(), ...steps]) {
      await step();
      const { replay, liveness, events, ...row } = await read(session);
      expect(replay).toEqual({
        ...row,
        escalationLevel: liveness.escalationLevel,
        sequence: events.nodes[0].sequence,
        lastEventType: events.nodes[0].type,
      });
      seen.push(replay);
    }
    for (const replay of seen) expect((await read(session, replay.sequence)).replay).toEqual(replay);
    expect((await read(session, 1_000_000)).replay).toEqual(seen.at(-1));
    expect((await read(session, 0)).replay).toMatchObject({ sequence: 0, lastEventType: null, latestCheckpoint: null });
  });

  it('is refused before its beginning', async () => {
    const session = await graphql.start(graphql.caller);
    const variables = { id: encodeId('Session', session.id), toSequence: -1 };
    expect((await graphql.refusal(REPLAY, variables)).extensions).toMatchObject({
      code: 'VALIDATION',
      issues: [{ path: 'toSequence' }],
    });
  });
});
