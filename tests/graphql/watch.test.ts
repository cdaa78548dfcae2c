import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/database/client.js';
import { encodeId, newId } from '../../src/domain/id.js';
import { transitionSession } from '../../src/store/conversation.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { completeRun, createRun } from '../../src/store/run.js';
import { endSession, updateSession } from '../../src/store/session.js';
import { openGraphql, type Data, type TestGraphql, type Watched } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const idOf = ({ id }: Session) => encodeId('Session', id);
const next = async (stream: Watched): Promise<Data> => (await stream.next()).value;
const end = ({ id }: Session) =>
  endSession(graphql.store, graphql.caller, { sessionId: id, reason: 'FINISHED', outcome: 'SUCCESS' });
/** The followers of the caller's log: none once every watcher has left. */
const followers = () => graphql.store.tail(graphql.caller.projectId).followers;

describe('watching a session', () => {
  const SESSION =
    'subscription ($id: ID!) { session(id: $id) { id state title contextPercent children { totalCount } } }';

  it('shows it at once, again after every change, and completes after its end', async () => {
    const { store, caller, start } = graphql;
    const session = await start(caller, { title: 'first' });
    const stream = await graphql.watch(SESSION, { id: idOf(session) });
    expect((await next(stream)).session).toEqual({
      id: idOf(session),
      state: 'BOOTING',
      title: 'first',
      contextPercent: null,
      children: { totalCount: 0 },
    });
    await heartbeat(store, caller, { sessionId: session.id, contextPercent: 20 });
    expect((await next(stream)).session).toMatchObject({ state: 'WORKING', contextPercent: 20 });
    await updateSession(store, caller, { sessionId: session.id, title: 'second' });
    expect((await next(stream)).session).toMatchObject({ title: 'second' });
    await end(session);
    expect((await next(stream)).session).toMatchObject({ state: 'COMPLETED' });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('shows one that has ended once, and completes', async () => {
    const session = await graphql.start(graphql.caller);
    await end(session);
    const seen: string[] = [];
    for await (const { session: shown } of await graphql.watch(SESSION, { id: idOf(session) })) seen.push(shown.state);
    expect(seen).toEqual(['COMPLETED']);
  });

  it('hears nothing of others', async () => {
    const { caller, start } = graphql;
    const session = await start(caller);
    const stream = await graphql.watch(SESSION, { id: idOf(session) });
    await next(stream);
    const waiting = next(stream);
    await end(await start(caller));
    await end(session);
    expect((await waiting).session).toMatchObject({ id: idOf(session), state: 'COMPLETED' });
    await stream.return();
  });

  it('is refused for an id that is unknown, malformed, of another type or of another project', async () => {
    const stranger = { caller: await graphql.newCaller() };
    const session = await graphql.start(graphql.caller);
    for (const id of [encodeId('Session', newId()), 'ses_x', encodeId('Run', session.id)]) {
      await expect(graphql.watch(SESSION, { id })).rejects.toMatchObject(NOT_FOUND);
    }
    await expect(graphql.watch(SESSION, { id: idOf(session) }, stranger)).rejects.toMatchObject(NOT_FOUND);
  });

  const NOT_FOUND = { extensions: { code: 'NOT_FOUND', kind: 'Session' } };

  it('leaves nothing behind when the client goes while it waits', async () => {
    const before = followers();
    const session = await graphql.start(graphql.caller);
    const stream = await graphql.watch(SESSION, { id: idOf(session) });
    await next(stream);
    expect(followers()).toBe(before + 1);
    const waiting = stream.next();
    await stream.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(followers()).toBe(before);
  });
});

describe('watching a run', () => {
  const RUN = 'subscription ($id: ID!) { run(id: $id) { status agentCount sessions { totalCount } } }';

  it('shows it at once, again after every change to it or its sessions, and completes after its end', async () => {
    const { store, caller, start } = graphql;
    const { run } = await createRun(store, caller, {});
    const stream = await graphql.watch(RUN, { id: encodeId('Run', run.id) });
    expect((await next(stream)).run).toEqual({ status: 'ACTIVE', agentCount: 0, sessions: { totalCount: 0 } });
    await start(caller, { runId: run.id });
    expect((await next(stream)).run).toEqual({ status: 'ACTIVE', agentCount: 1, sessions: { totalCount: 1 } });
    await completeRun(store, caller, { runId: run.id, status: 'COMPLETED' });
    expect((await next(stream)).run).toMatchObject({ status: 'COMPLETED' });
    expect(await stream.next()).toEqual({ done: true, value: undefined });
  });

  it('is refused for an id that names none', async () => {
    await expect(graphql.watch(RUN, { id: encodeId('Run', newId()) })).rejects.toMatchObject({
      extensions: { code: 'NOT_FOUND', kind: 'Run' },
    });
  });
});

describe('watching the ends of sessions', () => {
  const ENDED = `subscription ($after: SafeInt, $filter: SessionFilter) { sessionEnded(after: $after, filter: $filter) {
    session { id state } event { type position } reason outcome successor { id } position at
  } }`;

  it('brings each end once, one by one, those before among them where a position is given', async () => {
    const { caller, start } = graphql;
    const after = Number((await graphql.log(caller)).at(-1)?.position ?? 0);
    const sessions = [await start(caller), await start(caller), await start(caller)];
    await end(sessions[0]!);
    await end(sessions[1]!);
    const stream = await graphql.watch(ENDED, { after });
    const seen = [await next(stream), await next(stream)];
    await end(sessions[2]!);
    seen.push(await next(stream));
    expect(seen.map(({ sessionEnded }) => sessionEnded.session)).toEqual(
      sessions.map((session) => ({ id: idOf(session), state: 'COMPLETED' })),
    );
    for (const { sessionEnded } of seen) {
      expect(sessionEnded).toMatchObject({ reason: 'FINISHED', outcome: 'SUCCESS', successor: null });
      expect(sessionEnded.event).toEqual({ type: 'SESSION_ENDED', position: sessionEnded.position });
    }
    await stream.return();
  });

  it('names the session that goes on in the chain', async () => {
    const { store, caller, start } = graphql;
    const conversation = { platform: 'test', externalId: 'successor' };
    const session = await start(caller, { conversation });
    const after = Number((await graphql.log(caller, session)).at(-1)?.position);
    const { session: child } = await transitionSession(store, caller, { conversation, trigger: 'PLAN_TO_EXECUTE' });
    const stream = await graphql.watch(ENDED, { after });
    expect((await next(stream)).sessionEnded).toMatchObject({
      reason: 'PLAN_TO_EXECUTE',
      successor: child && { id: idOf(child) },
    });
    await stream.return();
  });

  it('leaves out what the filter does not let through', async () => {
    const { caller, start } = graphql;
    // A subscription without a position begins when it listens, and an end before that would be missed.
    const after = Number((await graphql.log(caller)).at(-1)?.position ?? 0);
    const stream = await graphql.watch(ENDED, { after, filter: { taskId: 'mine' } });
    const first = next(stream);
    await end(await start(caller, { taskId: 'other' }));
    const mine = await start(caller, { taskId: 'mine' });
    await end(mine);
    expect((await first).sessionEnded.session.id).toBe(idOf(mine));
    await stream.return();
  });

  it('leaves nothing behind when the client goes while it waits', async () => {
    const before = followers();
    const stream = await graphql.watch(ENDED);
    const waiting = stream.next();
    await expect.poll(() => followers()).toBe(before + 1);
    await stream.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(followers()).toBe(before);
  });
});

it('watching transitions brings every change of state, with what was before and after', async () => {
  const { store, caller, start } = graphql;
  const after = Number((await graphql.log(caller)).at(-1)?.position ?? 0);
  const session = await start(caller);
  await heartbeat(store, caller, { sessionId: session.id });
  await heartbeat(store, caller, { sessionId: session.id, processAlive: false });
  await end(session);
  const stream = await graphql.watch(
    'subscription ($after: SafeInt) { sessionTransitioned(after: $after) { from to event { type } session { id } } }',
    { after },
  );
  const seen: unknown[] = [];
  for (let i = 0; i < 4; i++) {
    const { from, to, event } = (await next(stream)).sessionTransitioned;
    seen.push([from, to, event.type]);
  }
  expect(seen).toEqual([
    [null, 'BOOTING', 'SESSION_STARTED'],
    ['BOOTING', 'WORKING', 'SESSION_STATE_CHANGED'],
    ['WORKING', 'ZOMBIE', 'SESSION_ZOMBIE'],
    ['ZOMBIE', 'COMPLETED', 'SESSION_ENDED'],
  ]);
  await stream.return();
});
