import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocketServer, type WebSocket } from 'ws';
import { createClient, type LogBatch } from '../../src/client/client.js';
import {
  AppendEventsDocument,
  EndSessionDocument,
  FollowLogDocument,
  StartSessionDocument,
} from '../../src/client/operation.js';
import { startApp } from '../support/app.js';
import { startTarget, type Target } from '../support/imported.js';
import { openRelay } from '../support/relay.js';
import { query } from '../support/sql.js';

describe('the log', () => {
  let target: Target;
  let sessionId: string;
  beforeEach(async () => {
    target = await startTarget();
    const { startSession } = await target.client.request(StartSessionDocument, { input: {} });
    sessionId = startSession.session.id;
  });
  afterEach(() => target[Symbol.asyncDispose]());

  async function append(count: number): Promise<void> {
    const events = Array.from({ length: count }, () => ({ type: 'PROGRESS' as const }));
    await target.client.request(AppendEventsDocument, { input: { sessionId, events } });
  }

  /** Reads on in the background; `positions` is all that it has got. */
  function read(batches: AsyncIterable<LogBatch>) {
    const positions: number[] = [];
    const ended = (async () => {
      for await (const { events } of batches) positions.push(...events.map(({ position }) => position));
    })();
    return { positions, ended };
  }

  const written = async () => {
    const rows = await query(target.databaseUrl, 'SELECT position FROM events ORDER BY position');
    return rows.map(({ position }) => Number(position));
  };

  it('comes from the beginning, then as it is written, until the signal', async () => {
    const stopping = new AbortController();
    await append(500);
    await append(100);
    const { positions, ended } = read(target.client.tailLog({ after: 0, signal: stopping.signal }));
    await expect.poll(() => positions.length).toBe(602);
    await append(3);
    await expect.poll(() => positions.length).toBe(605);
    stopping.abort();
    await ended;
    expect(positions).toEqual(await written());
  });

  it('comes from now on where no position is given, and only what the filter lets through', async () => {
    const stopping = new AbortController();
    const batches = target.client.tailLog({ filter: { types: ['SESSION_ENDED'] }, signal: stopping.signal });
    const types: string[] = [];
    let live = false;
    const ended = (async () => {
      for await (const { events, caughtUp } of batches) {
        types.push(...events.map(({ type }) => type));
        live ||= caughtUp;
      }
    })();
    await expect.poll(() => live).toBe(true);
    await append(2);
    await target.client.request(EndSessionDocument, { input: { sessionId, reason: 'FINISHED' } });
    await expect.poll(() => types).toEqual(['SESSION_ENDED']);
    stopping.abort();
    await ended;
  });

  it('goes on after lost connections without a gap or a repeat', async () => {
    await using relay = await openRelay(target.url);
    const stopping = new AbortController();
    const tail = createClient({ url: relay.url }).tailLog({ after: 0, signal: stopping.signal });
    const { positions, ended } = read(tail);
    for (let round = 1; round <= 3; round++) {
      await append(50);
      await expect.poll(() => positions.length).toBe(2 + 100 * round - 50);
      relay.cut();
      await append(50);
      await expect.poll(() => positions.length).toBe(2 + 100 * round);
    }
    stopping.abort();
    await ended;
    expect(positions).toEqual(await written());
  });

  it('goes on after a restart of the server', async () => {
    await using relay = await openRelay(target.url);
    const stopping = new AbortController();
    const tail = createClient({ url: relay.url }).tailLog({ after: 0, signal: stopping.signal });
    const { positions, ended } = read(tail);
    await expect.poll(() => positions.length).toBe(1);
    await target.close();
    await using another = await startApp({ databaseUrl: target.databaseUrl });
    relay.lead(another.url);
    const input = { sessionId, events: [{ type: 'PROGRESS' as const }] };
    await createClient({ url: another.url }).request(AppendEventsDocument, { input });
    await expect.poll(() => positions).toEqual([1, 2, 3]);
    stopping.abort();
    await ended;
  });

  it('ends with the loop that reads it', async () => {
    for await (const batch of target.client.tailLog({ after: 0 })) {
      expect(batch).toMatchObject({ position: 1, caughtUp: true, events: [{ session: { id: sessionId } }] });
      break;
    }
  });

  it('is refused after a position that it does not have', async () => {
    const { ended } = read(target.client.tailLog({ after: 99 }));
    await expect(ended).rejects.toMatchObject({ name: 'ClientError', code: 'VALIDATION' });
  });
});

describe('a subscription', () => {
  it('rejects where no server can be reached, and the log does too', async () => {
    const { url, stop } = await webSockets(() => undefined);
    await stop();
    const client = createClient({ url });
    const first = client.subscribe(FollowLogDocument, {})[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ name: 'ConnectionError', mayPass: true });
    const batch = client.tailLog()[Symbol.asyncIterator]().next();
    await expect(batch).rejects.toThrow('ECONNREFUSED');
  });

  it('carries the credential and the project, and rejects for good where they are refused', async () => {
    const told: unknown[] = [];
    const { url, stop } = await webSockets((socket) =>
      socket.once('message', (data: Buffer) => {
        told.push(JSON.parse(data.toString()));
        socket.close(4401, 'Unauthorized');
      }),
    );
    const headers = { Authorization: 'Bearer key', 'X-Lifeline-Project': 'mine' };
    const first = createClient({ url, headers }).subscribe(FollowLogDocument, {})[Symbol.asyncIterator]().next();
    await expect(first).rejects.toMatchObject({ name: 'ConnectionError', reason: 'Unauthorized', mayPass: false });
    expect(told).toEqual([{ type: 'connection_init', payload: { authorization: 'Bearer key', project: 'mine' } }]);
    await stop();
  });
});

async function webSockets(onConnection: (socket: WebSocket) => unknown) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', onConnection);
  await once(server, 'listening');
  const stop = async (): Promise<void> => {
    server.close();
    await once(server, 'close');
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`, stop };
}
