import { afterAll, describe, expect, test } from 'vitest';
import { encodeId, newId } from '../../src/domain/id.js';
import { heartbeat, heartbeats } from '../../src/store/heartbeat.js';
import { endSession } from '../../src/store/session.js';
import type { Session } from '../../src/store/store.js';
import { openGraphql, type Data, type Watched } from '../support/graphql.js';

const graphql = await openGraphql();
const { store, caller, start, statements } = graphql;
afterAll(() => graphql[Symbol.asyncDispose]());

const idOf = ({ id }: Session) => encodeId('Session', id);
const beat = ({ id }: Session, more = {}) => heartbeat(store, caller, { sessionId: id, ...more });

async function working(count: number, input = {}): Promise<Session[]> {
  const sessions = await Promise.all(Array.from({ length: count }, () => start(caller, input)));
  await heartbeats(
    store,
    caller,
    sessions.map(({ id }) => ({ sessionId: id, contextPercent: 10 })),
  );
  // The bus tells of these before it tells of any that follow.
  await new Promise(setImmediate);
  return sessions;
}

describe('heartbeats', () => {
  const OUTCOMES = `mutation ($inputs: [HeartbeatInput!]!) { heartbeats(inputs: $inputs) { outcomes {
    sessionId session { id state contextPercent } recommendedAction signals { kind } errorCode errorMessage
  } } }`;

  test('answers each in the order of the call, by the id that the caller gave', async () => {
    const [session] = (await working(1)) as [Session];
    const ended = await start(caller);
    await endSession(store, caller, { sessionId: ended.id, reason: 'FINISHED', outcome: 'SUCCESS' });
    await graphql.act('sendSignal', { sessionId: idOf(session), kind: 'SUSPEND' }, 'position');
    const unknown = encodeId('Session', newId());
    const inputs = [
      { sessionId: 'ses_nonsense' },
      { sessionId: idOf(session), contextPercent: 11 },
      { sessionId: idOf(ended) },
      { sessionId: unknown },
      { sessionId: idOf(session), contextPercent: -1 },
    ];

    const { outcomes } = (await graphql.ask(OUTCOMES, { inputs })).heartbeats;

    const refused = { session: null, recommendedAction: null, signals: [] };
    const sentence = expect.stringMatching(/\.$/) as string;
    const NOT_FOUND = { ...refused, errorCode: 'NOT_FOUND' };
    expect(outcomes).toEqual([
      { sessionId: 'ses_nonsense', ...NOT_FOUND, errorMessage: 'There is no session "ses_nonsense" in this project.' },
      {
        sessionId: idOf(session),
        session: { id: idOf(session), state: 'WORKING', contextPercent: 11 },
        recommendedAction: 'SUSPEND',
        signals: [{ kind: 'SUSPEND' }],
        errorCode: null,
        errorMessage: null,
      },
      { sessionId: idOf(ended), ...refused, errorCode: 'SESSION_ENDED', errorMessage: sentence },
      { sessionId: unknown, ...NOT_FOUND, errorMessage: `There is no session "${unknown}" in this project.` },
      { sessionId: idOf(session), ...refused, errorCode: 'VALIDATION', errorMessage: sentence },
    ]);
  });

  test.for([0, 1_001])('of %d is refused', async (length) => {
    const inputs = Array.from({ length }, () => ({ sessionId: 'ses_x' }));
    expect(await graphql.refusal(OUTCOMES, { inputs })).toMatchObject({
      extensions: { code: 'VALIDATION', issues: [{ path: 'inputs' }] },
    });
  });

  test.for([
    ['nothing of the session but its id', 'recommendedAction session { id }', 1],
    ['that through fragments', 'session { ...N ... on Session { __typename } } signals { id }', 1],
    ['its state', 'session { state }', 2],
    ['its signs of life and its run', 'session { liveness { lastHeartbeatAt } run { id } }', 2],
  ] as const)('that asks for %s is %i statements whatever its size', async ([, selection, most]) => {
    const fragment = selection.includes('...N') ? 'fragment N on Session { id }' : '';
    const sessions = await working(20);
    const inputs = Array.from({ length: 500 }, (_, index) => ({ sessionId: idOf(sessions[index % 20]!) }));
    for (const document of [
      `mutation ($inputs: [HeartbeatInput!]!) { heartbeats(inputs: $inputs) { outcomes { ${selection} } } } ${fragment}`,
      `mutation ($input: HeartbeatInput!) { heartbeat(input: $input) { ${selection} } } ${fragment}`,
    ]) {
      statements.length = 0;
      await graphql.ask(document, { inputs, input: inputs[0] });
      expect(statements).toHaveLength(most);
    }
  });
});

describe('sessionHeartbeat', () => {
  const BEATS = `subscription ($filter: SessionFilter) { sessionHeartbeat(filter: $filter) {
    session { id state } at contextPercent currentEpic activity
  } }`;
  const next = async (stream: Watched): Promise<Data> => (await stream.next()).value.sessionHeartbeat;
  const followers = () => store.board(caller.projectId).followers;

  test('tells beats as they come, those that the log hears of too, with the pulse as it stands then', async () => {
    const session = await start(caller, { contextPercent: 20 });
    const stream = await graphql.watch(BEATS);

    await beat(session, { currentEpic: 'E' });
    const told = { session: { id: idOf(session), state: 'WORKING' }, contextPercent: 20, currentEpic: 'E' };
    expect(await next(stream)).toEqual({ ...told, activity: null, at: expect.any(String) as string });
    await beat(session, { activity: 'reading' });
    const second = await next(stream);

    const { lastHeartbeatAt } = await graphql.database.prisma.pulse.findFirstOrThrow({
      where: { sessionId: session.id },
    });
    expect(second).toEqual({ ...told, activity: 'reading', at: lastHeartbeatAt?.toISOString() });
    await stream.return();
  });

  test('tells nothing from before, nothing that is no sign of life, and nothing of other projects', async () => {
    const other = await graphql.newCaller();
    const theirs = await start(other);
    const [session, last] = (await working(2)) as [Session, Session];
    const stream = await graphql.watch(BEATS);

    await beat(session, { processAlive: false });
    await heartbeat(store, other, { sessionId: theirs.id });
    await beat(last);

    expect((await next(stream)).session.id).toBe(idOf(last));
    await stream.return();
  });

  test('asks once for the sessions of all that came at once, and tells only those that the filter lets through', async () => {
    const mine = await working(10, { taskId: 'T-beats' });
    const others = await working(10);
    const filter = { taskId: 'T-beats' };
    const streams = await Promise.all(Array.from({ length: 3 }, () => graphql.watch(BEATS, { filter })));
    statements.length = 0;

    const first = streams.map(next);
    await heartbeats(
      store,
      caller,
      [...others, ...mine].map(({ id }) => ({ sessionId: id })),
    );
    const told = new Set((await Promise.all(first)).map(({ session }) => session.id));
    for (const stream of streams) {
      for (let index = 1; index < mine.length; index++) told.add((await next(stream)).session.id);
    }

    expect(told).toEqual(new Set(mine.map(idOf)));
    expect(statements).toHaveLength(2);
    await Promise.all(streams.map((stream) => stream.return()));
  });

  test('tells one who did not look the newest beat alone', async () => {
    const [session, other] = (await working(2)) as [Session, Session];
    const stream = await graphql.watch(BEATS);

    for (let index = 1; index <= 20; index++) await beat(session, { activity: `${index}` });
    await expect.poll(() => store.board(caller.projectId).page(0).posts.at(-1)?.beat.activity).toBe('20');
    expect((await next(stream)).activity).toBe('20');
    await beat(other);
    expect((await next(stream)).session.id).toBe(idOf(other));
    await stream.return();
  });

  test('leaves nothing behind, whether it is left before its first value or while it waits', async () => {
    const early = await graphql.watch(BEATS);
    const waiting = await graphql.watch(BEATS);
    const value = waiting.next();
    expect(followers()).toBe(2);

    await early.return();
    await waiting.return();

    expect(await value).toEqual({ done: true, value: undefined });
    expect(followers()).toBe(0);
  });
});
