// `npm run fuzz -- --runs 10000 --seed 1`: random operations against a server and a database of their own, and then whether
// every invariant of the data holds.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { startEmbedded } from '../../src/database/embedded.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { run, serve } from '../support/program.js';
import { fuzz } from './fuzz.js';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '10000' }, seed: { type: 'string', default: String(Date.now() % 1e6) } },
});
const [runs, seed] = [Number(values.runs), Number(values.seed)];
const EVERY = 2_000;
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

/** The memory of a process in MiB, where the system tells. */
async function memoryOf(pid: number | undefined): Promise<number | null> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const kilobytes = /^VmRSS:\s+(\d+)/m.exec(status)?.[1];
  return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1024);
}

const dataDir = await mkdtemp(path.join(tmpdir(), 'lifeline-fuzz-'));
const postgres = await startEmbedded({ dataDir, log: pino({ level: 'warn' }), settings: { fsync: 'off' } });
try {
  const env = { DATABASE_URL: postgres.url, LOG_LEVEL: 'error', LIFELINE_RATE_PER_SECOND: '1000000' };
  await using server = await serve(env);
  say(`${runs} valid and ${runs} broken operations, seed ${seed}`);
  const from = performance.now();
  void server.ended.then(({ code, stderr }) => say(`the server has ended with ${code}: ${stderr.slice(-3_000)}`));
  const { codes, delivered, faults } = await fuzz({
    url: server.url,
    schema: buildSchema(),
    runs,
    seed,
    onProgress: (done) => {
      if (done % EVERY === 0) void memoryOf(server.process.pid).then((mib) => say(`${done} done, server ${mib} MiB`));
    },
  });
  say(
    `in ${((performance.now() - from) / 1_000).toFixed(0)} s: ${JSON.stringify(codes)}; subscriptions were sent ${delivered} values`,
  );
  for (const fault of faults) say(`FAULT ${fault}`);
  if (server.process.exitCode !== null) faults.push('the server has ended');
  const { code, stdout } = await run(['doctor', '--invariants'], env);
  say(code === 0 ? 'every invariant holds' : stdout);
  process.exitCode = faults.length === 0 && code === 0 ? 0 : 1;
} finally {
  await postgres.stop();
  await rm(dataDir, { recursive: true });
}
