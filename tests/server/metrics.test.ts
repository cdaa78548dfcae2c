import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { createMetrics } from '../../src/server/metrics.js';
import { serveMetrics } from '../../src/server/metricsServer.js';
import { startApp } from '../support/app.js';
import { posted, send, transports, webSocketClient } from '../support/wire.js';

let app: App;
let url: string;
beforeAll(async () => {
  const lines: string[] = [];
  app = await startApp({ metricsPort: '0', log: pino({}, { write: (line) => lines.push(line) }) });
  [url = ''] = /http:\S+\/metrics/.exec(lines.join('')) ?? [];
});
afterAll(() => app.close());

/** The value of one line; undefined where there is none. */
async function read(line: string): Promise<number | undefined> {
  const { text } = await send(url);
  const found = text.split('\n').find((candidate) => candidate.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

describe('the metrics', () => {
  it.each(Object.entries(transports))('count what came by %s', async (_name, transport) => {
    const lines = [
      'lifeline_operation_duration_seconds_count{operation="query",outcome="ok"}',
      'lifeline_operation_duration_seconds_count{operation="mutation",outcome="error"}',
      'lifeline_errors_total{code="NOT_FOUND"}',
      'lifeline_errors_total{code="GRAPHQL_VALIDATION_FAILED"}',
      'lifeline_errors_total{code="GRAPHQL_PARSE_FAILED"}',
    ];
    const before = await Promise.all(lines.map(read));
    await transport(app.url, { query: '{ project { slug } }' });
    await transport(app.url, {
      query: 'mutation { endSession(input: { sessionId: "x", reason: FINISHED }) { position } }',
    });
    await transport(app.url, { query: '{ nothingOfThisName }' });
    await transport(app.url, { query: '{ ' });
    const after = await Promise.all(lines.map(read));
    expect(after).toEqual(before.map((count = 0) => count + 1));
  });

  it('tell of the log, of who follows it, of connections and of the process', async () => {
    const position = (await read('lifeline_log_position')) ?? NaN;
    await send(app.url, posted({ query: 'mutation { startSession(input: {}) { position } }' }));
    expect(await read('lifeline_log_position')).toBeGreaterThan(position);
    expect(await read('lifeline_tail_lag_events')).toBe(0);

    const client = webSocketClient(app.url);
    const events = client.iterate({ query: 'subscription { log { position } }' });
    await events.next();
    expect(await read('lifeline_subscribers')).toBe(1);
    expect(await read('lifeline_sockets')).toBe(1);
    await client.dispose();
    await expect.poll(() => read('lifeline_subscribers')).toBe(0);
    await expect.poll(() => read('lifeline_sockets')).toBe(0);

    // The workers use one now and then.
    await expect.poll(() => read('lifeline_pool_connections{pool="write",state="used"}')).toBe(0);
    expect(await read('lifeline_gate_operations{operation="mutation",state="inside"}')).toBe(0);
    expect(await read('nodejs_eventloop_lag_seconds')).toBeGreaterThanOrEqual(0);
    expect(await read('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  it('count heartbeats by their batches', async () => {
    const started = await send(app.url, posted({ query: 'mutation { startSession(input: {}) { session { id } } }' }));
    const { data } = JSON.parse(started.text) as { data: { startSession: { session: { id: string } } } };
    const input = `{ sessionId: "${data.startSession.session.id}" }`;
    await send(app.url, posted({ query: `mutation { heartbeat(input: ${input}) { recommendedAction } }` }));
    expect(await read('lifeline_heartbeat_batch_size_sum')).toBeGreaterThan(0);
  });

  it('take nothing for a label that a caller has chosen', async () => {
    await send(
      app.url,
      posted({ query: 'query SecretName { project { slug } }', variables: { secretName: 'hunter2' } }),
    );
    const { text } = await send(url);
    expect(text).not.toMatch(/SecretName|hunter2|ses_/);
  });

  it('are served on an address of IPv6 too, which the log tells as it is asked for', async () => {
    const lines: string[] = [];
    const log = pino({}, { write: (line) => lines.push(line) });
    const metrics = await serveMetrics({ host: '::1', port: 0, metrics: createMetrics(), log });
    const [, address = ''] = /(http:[^"]+)/.exec(lines.join('')) ?? [];
    expect(address).toMatch(/^http:\/\/\[::1\]:\d+\/metrics/);
    expect((await send(address)).status).toBe(200);
    await metrics.close();
  });

  it('are served on their own port only', async () => {
    expect(await send(new URL('/metrics', app.url).href)).toMatchObject({ status: 404 });
    expect(await send(url, { method: 'POST' })).toMatchObject({ status: 404 });
    expect(await send(new URL('/graphql', url).href, posted({ query: '{ __typename }' }))).toMatchObject({
      status: 404,
    });
  });
});
