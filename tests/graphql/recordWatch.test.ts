import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/database/client.js';
import { encodeId, newId } from '../../src/domain/id.js';
import type { SignalKind } from '../../src/domain/signal.js';
import { requestApproval, resolveApproval } from '../../src/store/approval.js';
import { endSession } from '../../src/store/session.js';
import { acknowledgeSignals, sendSignal } from '../../src/store/signal.js';
import { openGraphql, type Data, type TestGraphql, type Watched } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const idOf = ({ id }: Session) => encodeId('Session', id);
const next = async (stream: Watched): Promise<Data> => Object.values((await stream.next()).value)[0];
const followers = () => graphql.store.tail(graphql.caller.projectId).followers;

describe('watching the signals of a session', () => {
  const SIGNALS = 'subscription ($id: ID!) { signals(sessionId: $id) { id kind note session { id } acknowledgedAt } }';
  const send = async ({ id }: Session, kind: SignalKind, note?: string) =>
    (await sendSignal(graphql.store, graphql.caller, { sessionId: id, kind, note })).signal;

  it('brings those that are pending at once, then each that is sent, once and in order', async () => {
    const { store, caller, start } = graphql;
    const [session, other] = [await start(caller), await start(caller)];
    const heard = await send(session, 'MESSAGE');
    await acknowledgeSignals(store, caller, { sessionId: session.id, signalIds: [heard.id] });
    await send(session, 'NUDGE', 'first');
    await send(session, 'NUDGE', 'second');
    const stream = await graphql.watch(SIGNALS, { id: idOf(session) });
    expect(await next(stream)).toMatchObject({
      kind: 'NUDGE',
      note: 'first',
      session: { id: idOf(session) },
      acknowledgedAt: null,
    });
    await send(other, 'STOP');
    await send(session, 'STOP', 'third');
    expect((await next(stream)).note).toBe('second');
    expect(await next(stream)).toMatchObject({ kind: 'STOP', note: 'third' });
    await send(session, 'SUSPEND', 'fourth');
    expect((await next(stream)).note).toBe('fourth');
    await stream.return();
  });

  it('misses none and repeats none that is sent while it begins', async () => {
    const session = await graphql.start(graphql.caller);
    const notes = Array.from({ length: 30 }, (_, i) => String(i));
    const sending = (async () => {
      for (const note of notes) await send(session, 'MESSAGE', note);
    })();
    const stream = await graphql.watch(SIGNALS, { id: idOf(session) });
    const seen: string[] = [];
    while (seen.length < notes.length) seen.push((await next(stream)).note);
    await sending;
    expect(seen).toEqual(notes);
    await stream.return();
  });

  it('is refused for an id that names none, and leaves nothing behind', async () => {
    const before = followers();
    const stranger = { caller: await graphql.newCaller() };
    const session = await graphql.start(graphql.caller);
    const refused = { extensions: { code: 'NOT_FOUND', kind: 'Session' } };
    await expect(graphql.watch(SIGNALS, { id: 'ses_x' })).rejects.toMatchObject(refused);
    await expect(graphql.watch(SIGNALS, { id: encodeId('Session', newId()) })).rejects.toMatchObject(refused);
    await expect(graphql.watch(SIGNALS, { id: idOf(session) }, stranger)).rejects.toMatchObject(refused);
    const stream = await graphql.watch(SIGNALS, { id: idOf(session) });
    const waiting = stream.next();
    await expect.poll(followers).toBe(before + 1);
    await stream.return();
    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(followers()).toBe(before);
  });
});

describe('watching approvals', () => {
  const APPROVALS =
    'subscription ($after: SafeInt) { approvals(after: $after) { question status resolution session { id } } }';
  const ask = async ({ id }: Session, question: string) =>
    (
      await requestApproval(graphql.store, graphql.caller, {
        sessionId: id,
        type: 'OTHER',
        question,
        timeoutSeconds: 60,
      })
    ).approval;

  it('brings each when it is asked, answered and cancelled, from the position that is given', async () => {
    const { store, caller, start } = graphql;
    const session = await start(caller);
    await ask(session, 'before');
    const after = Number((await graphql.log(caller)).at(-1)?.position);
    const first = await ask(session, 'first');
    const stream = await graphql.watch(APPROVALS, { after });
    expect(await next(stream)).toEqual({
      question: 'first',
      status: 'PENDING',
      resolution: null,
      session: { id: idOf(session) },
    });
    await resolveApproval(store, caller, { approvalId: first.id, resolution: 'APPROVED' });
    expect(await next(stream)).toMatchObject({ question: 'first', status: 'RESOLVED', resolution: 'APPROVED' });
    await endSession(store, caller, { sessionId: session.id, reason: 'STOPPED', outcome: 'UNKNOWN' });
    expect(await next(stream)).toMatchObject({ question: 'before', status: 'CANCELLED' });
    await stream.return();
  });

  it('begins now where no position is given, and hears nothing of another project', async () => {
    const stranger = await graphql.newCaller();
    const { id: sessionId } = await graphql.start(stranger);
    const asked = { sessionId, type: 'OTHER', question: 'theirs', timeoutSeconds: 60 } as const;
    const session = await graphql.start(graphql.caller);
    await ask(session, 'earlier');
    const stream = await graphql.watch(APPROVALS);
    const waiting = next(stream);
    // Until it follows the log a question could come too early: what is asked again and again is heard once it does.
    let heard: Data;
    void waiting.then((approval) => (heard = approval));
    await expect
      .poll(async () => {
        await requestApproval(graphql.store, stranger, asked);
        await ask(session, 'mine');
        return heard;
      })
      .toMatchObject({ question: 'mine' });
    await stream.return();
  });
});
