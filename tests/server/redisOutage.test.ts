import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEGRADED, OK, startPair } from '../support/pair.js';
import { canStartRedis } from '../support/redis.js';
import { transports, webSocketClient } from '../support/wire.js';

/** Each kind of subscription that a lost hint may only delay; what `$round` wrote is the last text of what it tells then. */
const KINDS = {
  log: 'log(after: 0, filter: { types: [CUSTOM] }) { events { name } }',
  session: 'session(id: $id) { title }',
  run: 'run(id: $run) { sessions(first: 1) { nodes { title } } }',
  sessionTransitioned: 'sessionTransitioned(after: 0, filter: { runId: $run }) { to session { title } }',
  sessionEnded: 'sessionEnded(after: 0) { session { title } }',
  sessionStalled: 'sessionStalled(after: 0) { session { title } }',
  signals: 'signals(sessionId: $id) { note }',
  approvals: 'approvals(after: 0) { question }',
} as const;

const WRITE = `mutation ($id: ID!, $run: ID!, $round: String!) {
  appendEvents(input: { sessionId: $id, events: [{ type: CUSTOM, name: $round }] }) { position }
  updateSession(input: { sessionId: $id, title: $round }) { position }
  sendSignal(input: { sessionId: $id, kind: MESSAGE, note: $round }) { position }
  requestApproval(input: { sessionId: $id, type: PLAN, question: $round }) { position }
  startSession(input: { title: $round, runId: $run }) { session { id } }
}`;
const DIE = `mutation ($id: ID!) {
  heartbeat(input: { sessionId: $id, processAlive: false }) { recommendedAction }
  endSession(input: { sessionId: $id, reason: PROCESS_DIED }) { position }
}`;
const BEAT = `mutation ($id: ID!, $activity: String!) {
  heartbeats(inputs: [{ sessionId: $id, activity: $activity }]) { outcomes { errorCode } }
}`;

/** Writes go through the one server, and all is heard at the other; heartbeats are heard at both. */
async function setScene() {
  const pair = await startPair();
  const [listener, neighbour] = [pair.other, pair.one].map((url) => webSocketClient(url)) as [Client, Client];

  async function ask<Data>(query: string, variables: Record<string, unknown> = {}): Promise<Data> {
    const [result] = await transports.HTTP(pair.one, { query, variables });
    expect(result?.errors).toBeUndefined();
    return result!.data as Data;
  }
  const { startSession, createRun } = await ask<{ startSession: Started; createRun: { run: { id: string } } }>(
    'mutation { startSession(input: {}) { session { id } } createRun(input: {}) { run { id } } }',
  );
  const variables = { id: startSession.session.id, run: createRun.run.id };

  /** The texts that a subscription has told, oldest first. */
  function hear(selection: string, client = listener): string[] {
    const used = Object.keys(variables).filter((name) => selection.includes(`$${name}`));
    const declared = used.map((name) => `$${name}: ID!`).join();
    const heard: string[] = [];
    client.subscribe(
      { query: `subscription${declared && `(${declared})`} { ${selection} }`, variables },
      {
        next: (result) => heard.push(...textsOf(result)),
        error: (error) => heard.push(`failed: ${JSON.stringify(error)}`),
        complete: () => heard.push('completed'),
      },
    );
    return heard;
  }
  return {
    ...pair,
    heard: Object.fromEntries(Object.entries(KINDS).map(([kind, selection]) => [kind, hear(selection)])),
    beats: hear('sessionHeartbeat { activity }'),
    beatsHere: hear('sessionHeartbeat { activity }', neighbour),
    beat: (activity: string) => ask(BEAT, { ...variables, activity }),
    /** Has something happen that each kind tells of. */
    async write(round: string): Promise<void> {
      const { startSession } = await ask<{ startSession: Started }>(WRITE, { ...variables, round });
      await ask(DIE, startSession.session);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([listener.dispose(), neighbour.dispose()]);
      await pair[Symbol.asyncDispose]();
    },
  };
}

type Client = ReturnType<typeof webSocketClient>;

interface Started {
  session: { id: string };
}

function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return Object.values(value ?? {}).flatMap(textsOf);
}

describe.skipIf(!canStartRedis)('of two servers whose Redis is killed', () => {
  let scene: Awaited<ReturnType<typeof setScene>>;
  beforeAll(async () => {
    scene = await setScene();
  });
  afterAll(() => scene[Symbol.asyncDispose]());

  /** Sends this heartbeat, again and again, until it is heard at both servers. */
  async function everybodyHears(activity: string): Promise<void> {
    const deaf = async () => {
      await scene.beat(activity);
      return [scene.beatsHere, scene.beats].filter((heard) => !heard.includes(activity)).length;
    };
    await expect.poll(deaf).toBe(0);
  }
  async function everyKindTellsOf(round: string): Promise<void> {
    await scene.write(round);
    const silent = () => Object.keys(scene.heard).filter((kind) => scene.heard[kind]!.at(-1) !== round);
    await expect.poll(silent).toEqual([]);
  }

  it('every subscription at one tells of what is written through the other', async () => {
    await everybodyHears('before');
    await everyKindTellsOf('before');
    expect(await scene.health()).toEqual([OK, OK]);
  });

  it('all go on without it, heartbeats at the server that takes them, and both say that they are degraded', async () => {
    await scene.redis.kill();
    await expect.poll(scene.health).toEqual([DEGRADED, DEGRADED]);
    await everyKindTellsOf('meanwhile');
    await everyKindTellsOf('still');
    await scene.beat('meanwhile');
    await expect.poll(() => scene.beatsHere.at(-1)).toBe('meanwhile');
    expect(await scene.health()).toEqual([DEGRADED, DEGRADED]);
  });

  it('both are well, and heartbeats arrive, once it is back', async () => {
    await scene.redis.restart();
    await expect.poll(scene.health).toEqual([OK, OK]);
    await everybodyHears('after');
    await everyKindTellsOf('after');
  });

  it('nothing was told twice or left out', () => {
    const rounds = ['before', 'meanwhile', 'still', 'after'];
    const { session, run, sessionTransitioned, sessionStalled, ...others } = scene.heard;
    // Heartbeats were sent until they arrived; what coalesces tells of the newest state, as often as it likes.
    expect([...new Set(scene.beatsHere)]).toEqual(['before', 'meanwhile', 'after']);
    expect([...new Set(scene.beats)]).toEqual(['before', 'after']);
    for (const heard of [session!, run!]) expect([...new Set(heard)]).toEqual(rounds);
    expect(sessionStalled).toEqual(rounds);
    const states = ['BOOTING', 'ZOMBIE', 'COMPLETED'];
    expect(sessionTransitioned).toEqual(rounds.flatMap((round) => states.flatMap((to) => [to, round])));
    for (const heard of Object.values(others)) expect(heard).toEqual(rounds);
  });
});
