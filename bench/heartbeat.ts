// Signs of life: one by one beside the least that this server can be asked, and many at once beside a bare update.
import { encodeId } from '../src/domain/id.js';
import { heartbeats } from '../src/store/heartbeat.js';
import { addAgents } from './agent.js';
import { askOnce, bodyOf } from './caller.js';
import type { Case, Side } from './case.js';
import type { Place } from './place.js';
import { AT_ONCE, callerIn, openBoth, part, throughput } from './store.js';

// As many as ask for anything else here, all of whom wait for the same commit, and as many as keep the server busy meanwhile.
const CONNECTIONS = 32;
const MANY_CONNECTIONS = 128;
const BEATS_PER_CALL = 500;
const ONE = 'mutation ($input: HeartbeatInput!) { heartbeat(input: $input) { recommendedAction } }';
const MANY =
  'mutation ($inputs: [HeartbeatInput!]!) { heartbeats(inputs: $inputs) { outcomes { recommendedAction errorCode } } }';

const said = { contextPercent: 50, activity: 'reading the failures' };

const one = (name: string, connections: number): Case => ({
  name,
  against: 'the trivial field of this server',
  unit: 'answers/s',
  better: 'higher',
  mark: 0.5,
  async sides({ url, databaseUrl, samples, caller, seconds, quick }) {
    const ids = await addAgents(databaseUrl, { projectId: samples.project.id, count: quick ? 200 : 1_000 });
    const beats = ids.map((id) => bodyOf(ONE, { input: { sessionId: encodeId('Session', id), ...said } }));
    const trivial = bodyOf('{ __typename }');
    for (const body of [trivial, ...beats]) await askOnce(url, body);
    const ask = (bodies: string[]): Side => {
      return () => caller.call({ url, bodies, connections, seconds });
    };
    return { ours: ask(beats), theirs: ask(Array.from({ length: connections }, () => trivial)) };
  },
});

const beaten = new WeakMap<Place, string[][]>();

/** For each of the calls that are under way at once, the sessions that it is of: the same ones in every case. */
async function beatenBy(place: Place): Promise<string[][]> {
  const known = beaten.get(place);
  if (known) return known;
  const { databaseUrl, samples } = place;
  const ids = await addAgents(databaseUrl, { projectId: samples.project.id, count: AT_ONCE * BEATS_PER_CALL });
  const calls = Array.from({ length: AT_ONCE }, (_, index) =>
    ids.slice(index * BEATS_PER_CALL, (index + 1) * BEATS_PER_CALL),
  );
  beaten.set(place, calls);
  return calls;
}

const BARE = {
  name: 'beats',
  text: `
    UPDATE pulses p SET last_heartbeat_at = now(), last_activity_at = now(),
      context_percent = coalesce(i.context, p.context_percent), activity = coalesce(i.activity, p.activity)
    FROM unnest($1::uuid[], $2::float8[], $3::text[]) AS i (session_id, context, activity)
    WHERE p.project_id = $4 AND p.session_id = i.session_id`,
};

const many = (how: string, ours: (place: Place, calls: string[][]) => Promise<{ side: Side; close?: () => unknown }>) =>
  ({
    name: `heartbeats, ${BEATS_PER_CALL} per ${how}`,
    against: 'bare pg, UPDATE … FROM unnest',
    unit: 'beats/s',
    better: 'higher',
    mark: 0.5,
    async sides(place) {
      const projectId = place.samples.project.id;
      const calls = await beatenBy(place);
      const { side, close } = await ours(place, calls);
      const { bare, close: closeBoth } = await openBoth(place.databaseUrl);
      const columns = calls.map((ids) => [ids, ids.map(() => said.contextPercent), ids.map(() => said.activity)]);
      const theirs = throughput(
        place.seconds,
        async (worker) => {
          const { rowCount } = await bare.query({ ...BARE, values: [...part(columns, worker), projectId] });
          if (rowCount !== BEATS_PER_CALL) throw new Error(`${rowCount} beats were taken`);
        },
        { units: BEATS_PER_CALL },
      );
      return {
        ours: side,
        theirs,
        async close() {
          await close?.();
          await closeBoth();
        },
      };
    },
  }) satisfies Case;

const byStore = many('call of the store', async ({ databaseUrl, samples, seconds }, calls) => {
  const { store, close } = await openBoth(databaseUrl);
  const inputs = calls.map((ids) => ids.map((sessionId) => ({ sessionId, ...said })));
  const side = throughput(
    seconds,
    async (worker) => {
      const outcomes = await heartbeats(store, callerIn(samples.project.id), part(inputs, worker));
      if (outcomes.some(({ status }) => status === 'rejected')) throw new Error('a beat was refused');
    },
    { units: BEATS_PER_CALL },
  );
  return { side, close };
});

const byRequest = many('request', async ({ url, caller, seconds }, calls) => {
  const bodies = calls.map((ids) => {
    return bodyOf(MANY, { inputs: ids.map((id) => ({ sessionId: encodeId('Session', id), ...said })) });
  });
  for (const body of bodies) {
    const { heartbeats } = await askOnce<{ heartbeats: { outcomes: { errorCode: string | null }[] } }>(url, body);
    if (heartbeats.outcomes.some(({ errorCode }) => errorCode)) throw new Error('a beat was refused');
  }
  const side: Side = async () => {
    return BEATS_PER_CALL * (await caller.call({ url, bodies, connections: AT_ONCE, seconds }));
  };
  return { side };
});

export const heartbeatCases: readonly Case[] = [
  one('heartbeat, one per request', CONNECTIONS),
  one(`heartbeat, one per request, of ${MANY_CONNECTIONS} at once`, MANY_CONNECTIONS),
  byRequest,
  byStore,
];
