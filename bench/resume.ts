// Who comes back after 10,000 events: the subscription, beside bare node-postgres that reads the same rows.
import pg from 'pg';
import { query } from '../tests/support/sql.js';
import type { Case } from './case.js';
import { leave, open, received, subscribe } from './socket.js';
import { duration } from './store.js';

const MISSED = 10_000;
const LOG =
  'subscription ($after: SafeInt) { log(after: $after) { position events { id position type data recordedAt } } }';

const READ = {
  name: 'missed',
  text: `
    SELECT id, position, type, data, recorded_at FROM events
    WHERE project_id = $1 AND position > $2 ORDER BY position LIMIT ${MISSED}`,
};

interface Batch {
  payload: { data: { log: { events: unknown[] } } };
}

const resume: Case = {
  name: `resume with ${MISSED.toLocaleString('en-US')} missed events`,
  against: 'reading them by bare pg',
  unit: 'ms',
  better: 'lower',
  mark: 3,
  async sides({ url, databaseUrl, samples }) {
    const { project } = samples;
    const [head] = await query(databaseUrl, 'SELECT log_position FROM projects WHERE id = $1', [project.id]);
    const after = Number(head?.log_position) - MISSED;
    const sockets = await open(url, 1);
    const bare = new pg.Client(databaseUrl);
    await bare.connect();
    let id = 0;
    return {
      ours: duration(async () => {
        const all = received(sockets, MISSED, (data) => {
          return (JSON.parse(data.toString()) as Batch).payload.data.log.events.length;
        });
        for (const socket of sockets) subscribe(socket, String(++id), { query: LOG, variables: { after } });
        await all;
        for (const socket of sockets) {
          socket.removeAllListeners('message');
          socket.send(JSON.stringify({ id: String(id), type: 'complete' }));
        }
      }),
      theirs: duration(async () => {
        const { rows } = await bare.query({ ...READ, values: [project.id, after] });
        if (rows.length !== MISSED) throw new Error(`${rows.length} events were read`);
      }),
      async close() {
        leave(sockets);
        await bare.end();
      },
    };
  },
};

export const resumeCases: readonly Case[] = [resume];
