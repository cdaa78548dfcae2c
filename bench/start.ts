import { askOnce, bodyOf } from './caller.js';
import type { Case } from './case.js';
import { serveBench } from './place.js';

const MOST_MS = 2_000;

/** PostgreSQL runs already, and has the data. */
const start: Case = {
  name: 'start to first answer, data present, PostgreSQL running',
  against: '2 s',
  unit: 'ms',
  better: 'lower',
  mark: 1,
  isAnew: true,
  async sides({ databaseUrl, redisUrl, workers }) {
    const query = bodyOf('{ sessions(first: 1) { nodes { id } } }');
    return {
      async ours() {
        const from = performance.now();
        await using server = await serveBench(databaseUrl, redisUrl, { LIFELINE_WORKERS: String(workers) });
        await askOnce(server.url, query);
        return performance.now() - from;
      },
      theirs: () => Promise.resolve(MOST_MS),
    };
  },
};

export const startCases: readonly Case[] = [start];
