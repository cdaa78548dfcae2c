// Events, a hundred at a time: through the log with all that it promises, beside a bare insert with the same indexes.

import { encodeId, newId } from '../src/domain/id.js';
import { appendEvents } from '../src/store/event.js';
import { query } from '../tests/support/sql.js';
import { addAgents } from './agent.js';
import { askOnce, bodyOf } from './caller.js';
import type { Case, Side } from './case.js';
import type { Place } from './place.js';
import { AT_ONCE, callerIn, openBoth, part, throughput } from './store.js';

const EVENTS_PER_CALL = 100;
const APPEND = 'mutation ($input: AppendEventsInput!) { appendEvents(input: $input) { position } }';

const dataOf = (step: number): object => ({
  step,
  path: `src/module${step}/part.ts`,
  text: `Looks for what the failing test number ${step} expects, and mends it.`,
});
const EVENTS = Array.from({ length: EVENTS_PER_CALL }, (_, step) => ({
  type: 'PROGRESS' as const,
  level: 'INFO' as const,
  data: dataOf(step),
}));

// No foreign keys and no triggers, nobody's counters, and who inserts knows the position: no more than the rows.
const TABLE = `
  DROP TABLE IF EXISTS bare_events;
  CREATE TABLE bare_events (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)`;
const INSERT = {
  name: 'append',
  text: `
    INSERT INTO bare_events (project_id, position, id, session_id, sequence, type, level, data, size_bytes)
    SELECT $1, i.position, i.id, $2, i.position, 'PROGRESS', 'INFO', i.data, octet_length(i.data::text)
    FROM unnest($3::bigint[], $4::uuid[], $5::jsonb[]) AS i (position, id, data)`,
};

const append = (how: string, ours: (place: Place, ids: string[]) => Promise<{ side: Side; close?: () => unknown }>) =>
  ({
    name: `appendEvents, ${EVENTS_PER_CALL} per ${how}`,
    against: 'bare pg, INSERT … FROM unnest with the same indexes',
    unit: 'events/s',
    better: 'higher',
    mark: 0.5,
    async sides(place) {
      const { databaseUrl, samples, seconds } = place;
      const projectId = samples.project.id;
      const ids = await addAgents(databaseUrl, { projectId, count: AT_ONCE });
      const { side, close } = await ours(place, ids);
      await query(databaseUrl, TABLE);
      const { bare, close: closeBoth } = await openBoth(databaseUrl);
      let position = 0;
      const theirs = throughput(
        seconds,
        (worker) => {
          const positions = EVENTS.map(() => ++position);
          const events = EVENTS.map(({ data }) => JSON.stringify(data));
          const values = [projectId, part(ids, worker), positions, EVENTS.map(() => newId()), events];
          return bare.query({ ...INSERT, values });
        },
        { units: EVENTS_PER_CALL },
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

const byRequest = append('request', async ({ url, caller, seconds }, ids) => {
  const bodies = ids.map((id) => bodyOf(APPEND, { input: { sessionId: encodeId('Session', id), events: EVENTS } }));
  for (const body of bodies) await askOnce(url, body);
  const side: Side = async () => {
    return EVENTS_PER_CALL * (await caller.call({ url, bodies, connections: AT_ONCE, seconds }));
  };
  return { side };
});

const byStore = append('call of the store', async ({ databaseUrl, samples, seconds }, ids) => {
  const { store, close } = await openBoth(databaseUrl);
  const caller = callerIn(samples.project.id);
  const side = throughput(
    seconds,
    (worker) => appendEvents(store, caller, { sessionId: part(ids, worker), events: EVENTS }),
    { units: EVENTS_PER_CALL },
  );
  return { side, close };
});

export const appendCases: readonly Case[] = [byRequest, byStore];
