// What a server does that is asked for twice as much as it can carry: how soon it answers for its health, how many operations
// it still carries out, what it says to the others, and whether every write that it confirmed is there. The server and its
// PostgreSQL are processes of their own, and so are the callers and whoever asks for health.
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { createClient } from '../src/client/client.js';
import { StartSessionDocument } from '../src/client/operation.js';
import { startEmbedded } from '../src/database/embedded.js';
import { PERCENTILES, percentiles } from '../tests/support/percentile.js';
import { run, serve } from '../tests/support/program.js';
import { query } from '../tests/support/sql.js';

const SESSIONS = 64;
const SATURATED_MS = 8_000;
const OVERLOAD_MS = 15_000;
const TICK_MS = 10;

const agent = new Agent({ keepAlive: true, maxSockets: 2_000 });

interface Answer {
  status: number;
  tookMs: number;
}

function post(url: string, body: string): Promise<Answer> {
  const from = performance.now();
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method: 'POST', headers: { 'content-type': 'application/json' } });
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      text(response).then((answer) => {
        const status = response.statusCode === 200 && answer.includes('"errors"') ? 500 : (response.statusCode ?? 0);
        resolve({ status, tookMs: performance.now() - from });
      }, reject);
    });
    outgoing.end(body);
  });
}

const APPEND = 'mutation ($input: AppendEventsInput!) { appendEvents(input: $input) { position } }';

/** One write, with a key by which it can be found again. */
function append(sessionId: string, key: string): string {
  return JSON.stringify({
    query: APPEND,
    variables: { input: { sessionId, events: [{ type: 'PROGRESS', data: { key }, dedupeKey: key }] } },
  });
}

/** How many writes a second are carried out where as many callers as there are sessions each wait for the answer. */
async function saturate(url: string, sessions: readonly string[]): Promise<number> {
  let done = 0;
  const until = performance.now() + SATURATED_MS;
  await Promise.all(
    sessions.map(async (sessionId) => {
      for (let count = 0; performance.now() < until; count++) {
        await post(url, append(sessionId, `saturate-${count}`));
        done += 1;
      }
    }),
  );
  return done / (SATURATED_MS / 1_000);
}

/** Sends so many writes a second, whatever becomes of them. */
async function overload(url: string, sessions: readonly string[], perSecond: number) {
  const confirmed: string[] = [];
  const refused: number[] = [];
  const served: number[] = [];
  const others: string[] = [];
  const sent: Promise<void>[] = [];
  const from = performance.now();
  for (let elapsed = 0; elapsed < OVERLOAD_MS; elapsed = performance.now() - from) {
    for (const due = (elapsed / 1_000) * perSecond; sent.length < due;) {
      const key = `overload-${sent.length}`;
      const sessionId = sessions[sent.length % sessions.length] ?? '';
      const answer = post(url, append(sessionId, key)).then(
        ({ status, tookMs }) => {
          if (status === 200) {
            confirmed.push(key);
            served.push(tookMs);
          } else if (status === 503) refused.push(tookMs);
          else others.push(String(status));
        },
        (error: unknown) => void others.push((error as NodeJS.ErrnoException).code ?? String(error)),
      );
      sent.push(answer);
    }
    await delay(TICK_MS);
  }
  await Promise.all(sent);
  return { sent: sent.length, confirmed, refused, served, others };
}

/** Asks for health all the time, from a thread whose own delays are small. */
function askForHealth(url: string): { stop(): Promise<number[]> } {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     let asking = true;
     const times = [];
     parentPort.once('message', () => (asking = false));
     (async () => {
       while (asking) {
         const from = performance.now();
         const { status } = await fetch(workerData);
         times.push(status === 200 ? performance.now() - from : Infinity);
         await new Promise((resolve) => setTimeout(resolve, 10));
       }
       parentPort.postMessage(times);
     })();`,
    { eval: true, workerData: new URL('/health/ready', url).href },
  );
  return {
    stop: () =>
      new Promise((resolve) => {
        worker.once('message', resolve);
        worker.postMessage('stop');
      }),
  };
}

function spread(values: readonly number[]): string {
  return percentiles(values)
    .map((value, index) => `p${PERCENTILES[index]} ${value.toFixed(0)} ms`)
    .join('  ');
}

const say = (line: string): boolean => process.stdout.write(`${line}\n`);

const dataDir = await mkdtemp(path.join(tmpdir(), 'lifeline-bench-'));
const postgres = await startEmbedded({ dataDir, log: pino({ level: 'warn' }) });
try {
  // All of its callers are one: what they are refused for is to be the load.
  const env = { DATABASE_URL: postgres.url, LOG_LEVEL: 'error', LIFELINE_RATE_PER_SECOND: '1000000' };
  await using server = await serve(env);
  const client = createClient({ url: server.url });
  const sessions: string[] = [];
  for (let count = 0; count < SESSIONS; count++) {
    sessions.push((await client.request(StartSessionDocument, { input: {} })).startSession.session.id);
  }
  await saturate(server.url, sessions);
  const capacity = await saturate(server.url, sessions);
  say(`saturated by ${SESSIONS} callers: ${capacity.toFixed(0)} writes/s`);

  const health = askForHealth(server.url);
  const { sent, confirmed, refused, served, others } = await overload(server.url, sessions, 2 * capacity);
  const times = await health.stop();
  say(`asked for twice as much: ${((sent * 1_000) / OVERLOAD_MS).toFixed(0)} writes/s for ${OVERLOAD_MS / 1_000} s`);
  say(`confirmed  ${confirmed.length.toString().padStart(6)}   ${spread(served)}`);
  say(`refused    ${refused.length.toString().padStart(6)}   ${spread(refused)}`);
  say(`other      ${others.length.toString().padStart(6)}   ${[...new Set(others)].join(' ')}`);
  say(`health     ${times.length.toString().padStart(6)}   ${spread(times)}`);

  const rows = await query(postgres.url, "SELECT dedupe_key FROM events WHERE dedupe_key LIKE 'overload-%'");
  const stored = new Set(rows.map(({ dedupe_key: key }) => key));
  say(`confirmed writes that are not there: ${confirmed.filter((key) => !stored.has(key)).length}`);
  const { code, stdout } = await run(['doctor', '--invariants'], env);
  say(code === 0 ? 'every invariant holds' : stdout);
} finally {
  agent.destroy();
  await postgres.stop();
  await rm(dataDir, { recursive: true });
}
