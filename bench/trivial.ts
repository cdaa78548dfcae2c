// One heartbeat per request, beside the least that this server can be asked.
import { encodeId } from '../src/domain/id.js';
import { query } from '../tests/support/sql.js';
import { askOnce, bodyOf } from './caller.js';
import type { Case } from './case.js';

const CONNECTIONS = 32;
const BEAT = 'mutation ($input: HeartbeatInput!) { heartbeat(input: $input) { recommendedAction } }';

/** `heartbeat`, one per request, against the trivial field of the same server. */
const heartbeat: Case = {
  name: 'heartbeat, one per request',
  against: 'the trivial field of this server',
  unit: 'answers/s',
  better: 'higher',
  mark: 0.5,
  async sides({ url, databaseUrl, caller, seconds }) {
    const open = await query(databaseUrl, 'SELECT id FROM sessions WHERE ended_at IS NULL LIMIT 1000');
    const beats = open.map(({ id }) => bodyOf(BEAT, { input: { sessionId: encodeId('Session', String(id)) } }));
    const trivial = bodyOf('{ __typename }');
    await askOnce(url, trivial);
    for (const beat of beats.slice(0, 10)) await askOnce(url, beat);
    const ask = (bodies: string[]) => () => caller.call({ url, bodies, connections: CONNECTIONS, seconds });
    return { ours: ask(beats), theirs: ask(Array.from({ length: CONNECTIONS }, () => trivial)) };
  },
};

export const trivialCases: readonly Case[] = [heartbeat];
