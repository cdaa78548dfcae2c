import { print } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FollowLogDocument, type FollowLogSubscription } from '../../src/client/operation.js';
import { STATE_EVENT_TYPES } from '../../src/domain/lifecycle.js';
import { startApp } from '../support/app.js';
import { writtenLog, type Entry } from '../support/monitor.js';
import { freePort } from '../support/port.js';
import { createDatabase } from '../support/postgres.js';
import { serve } from '../support/program.js';
import { canStartRedis, startRedis } from '../support/redis.js';
import { openRelay } from '../support/relay.js';
import { transports } from '../support/wire.js';
import { clients } from './client.js';
import type { Operation, Subscriber } from './subscriber.js';

// Each look writes the life of a session.
const UNHURRIED = { interval: 250 };

const MOVES = 'subscription ($after: SafeInt) { sessionTransitioned(after: $after) { position session { id } to } }';

interface Move {
  position: number;
  session: { id: string };
  to: string;
}

/** What a subscriber has received. */
interface Received {
  entries: Entry[];
  moves: Move[];
  /** Each refusal and completion: there is to be none. */
  endings: unknown[];
}

/** Follows the log, and of it the changes of state, from the beginning. */
function follow(subscriber: Subscriber): Received {
  const received: Received = { entries: [], moves: [], endings: [] };
  const { entries, moves, endings } = received;
  const hear = (query: string, next: (data: never) => void): void => {
    const operation: Operation = { query, variables: { after: 0 } };
    const ended = (how: unknown) => endings.push(how);
    subscriber.subscribe(operation, { next: next, refused: ended, completed: () => ended('completed') });
  };
  hear(print(FollowLogDocument), ({ log }: FollowLogSubscription) => entries.push(...log.events));
  hear(MOVES, ({ sessionTransitioned: move }: { sessionTransitioned: Move }) => moves.push(move));
  return received;
}

const movesOf = (log: readonly Entry[]): Move[] =>
  log
    .filter(({ type }) => STATE_EVENT_TYPES.some((it) => it === type))
    .map(({ position, session, data }) => ({ position, session: session!, to: (data as Move).to }));

const START = 'mutation { startSession(input: {}) { session { id } } }';
const LIFE = `mutation ($id: ID!, $data: JSON) {
  appendEvents(input: { sessionId: $id, events: [{ type: PROGRESS, data: $data }, { type: RESULT }] }) { position }
  endSession(input: { sessionId: $id, reason: FINISHED }) { position }
}`;

/** The life of a session; answers with the position of its end. */
async function write(url: string): Promise<number> {
  const carryOut = async (query: string, variables = {}) =>
    (await transports.HTTP(url, { query, variables }))[0]?.data as unknown;
  const { startSession } = (await carryOut(START)) as { startSession: { session: { id: string } } };
  const variables = { id: startSession.session.id, data: { note: 'Grüße "🎉"\n日本' } };
  return ((await carryOut(LIFE, variables)) as { endSession: { position: number } }).endSession.position;
}

/**
 * Of each client two subscribers: one straight at a server, where there is nothing while that is down, and one by a way that
 * can be cut. All is written through a second server.
 */
async function setScene(keep: <Part extends AsyncDisposable>(part: Part) => Part) {
  const database = keep(await createDatabase());
  const redis = keep(await startRedis());
  const writer = keep(await startApp({ databaseUrl: database.url, redisUrl: redis.url }));
  const env = { DATABASE_URL: database.url, REDIS_URL: redis.url };
  const port = String(await freePort());
  let server = await serve(env, port);
  // In its place whatever is started again: clients are closed while they have it, since one that seeks it cannot be.
  keep({ [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() });
  const relay = keep(await openRelay(server.url));
  const receivers = clients.flatMap(([name, connect]) =>
    [server.url, relay.url].map((url) => ({ name, ...follow(keep(connect(url))) })),
  );

  return {
    relay,
    receivers,
    writtenLog: () => writtenLog(database.url),
    /** Ends the server by a signal; while it is gone, more is written. Answers with the code that it ended with. */
    async restart(signal: NodeJS.Signals): Promise<number | null> {
      server.process.kill(signal);
      const { code } = await server.ended;
      await write(writer.url);
      server = await serve(env, port);
      return code;
    },
    /** Resolves when all have received what is written by now, while more is written; rejects with those that have not. */
    async goOn(): Promise<void> {
      const mark = await write(writer.url);
      const writeAndLook = async () => {
        await write(writer.url);
        const isBehind = ({ entries, moves }: Received) =>
          [entries, moves].some((items) => (items.at(-1)?.position ?? 0) < mark);
        return receivers.filter(isBehind).map(({ name }) => name);
      };
      await expect.poll(writeAndLook, UNHURRIED).toEqual([]);
    },
  };
}

describe.skipIf(!canStartRedis)('subscribers that resume by their own means', () => {
  let scene: Awaited<ReturnType<typeof setScene>>;
  const opened: AsyncDisposable[] = [];
  beforeAll(async () => {
    scene = await setScene((part) => {
      opened.unshift(part);
      return part;
    });
  });
  afterAll(async () => {
    for (const part of opened) await part[Symbol.asyncDispose]();
  });

  it('go on where their connections are cut', async () => {
    await scene.goOn();
    const before = scene.relay.opened();
    scene.relay.cut();
    await scene.goOn();
    expect(scene.relay.opened()).toBeGreaterThan(before);
  });

  it.each([
    ['killed', 'SIGKILL', null],
    ['ended in order', 'SIGTERM', 0],
  ] as const)('go on at a server that was %s and is started again', async (_how, signal, code) => {
    expect(await scene.restart(signal)).toBe(code);
    await scene.goOn();
  });

  it.each(clients)('have lost, repeated and confused nothing by %s', async (client) => {
    const log = await scene.writtenLog();
    const moves = movesOf(log);
    const received = scene.receivers.filter(({ name }) => name === client);
    expect(received).toHaveLength(2);
    for (const it of received) {
      await expect.poll(() => it.entries.at(-1)?.position, UNHURRIED).toBe(log.length);
      await expect.poll(() => it.moves.at(-1)?.position, UNHURRIED).toBe(moves.at(-1)?.position);
      // Some clients ask for the names of types as well.
      expect(it.entries).toMatchObject(log);
      expect(it.moves).toMatchObject(moves);
      expect(it.endings).toEqual([]);
    }
  });
});
