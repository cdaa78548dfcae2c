import { Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from '../support/app.js';
import { probe } from '../support/probe.js';
import { open, posted, send, transports, webSocketClient } from '../support/wire.js';

const WAIT = { query: 'mutation { probeWait }' };
const ENDLESS = { query: 'subscription { probeEndless }' };

describe('a server that closes', () => {
  it('answers what is under way, and takes nothing new', async () => {
    const { schema, now, release } = probe();
    const app = await startApp({ schema });
    const answers = Promise.all([transports.HTTP(app.url, WAIT), transports['a WebSocket'](app.url, WAIT)]);
    await expect.poll(() => now.waiting).toBe(2);
    const closed = app.close();
    await expect(send(app.url, posted(WAIT))).rejects.toThrow('ECONNREFUSED');
    release();
    expect(await answers).toEqual([[{ data: { probeWait: 2 } }], [{ data: { probeWait: 2 } }]]);
    await closed;
    expect(now.waiting).toBe(2);
  });

  it('ends subscriptions so that clients know that they may come back', async () => {
    const { schema, now } = probe();
    const app = await startApp({ schema });
    const stream = await open(app.url, posted(ENDLESS, { accept: 'text/event-stream' }));
    const streamed = text(stream);
    const client = webSocketClient(app.url);
    const left = new Promise((resolve) => client.on('closed', resolve));
    const results = client.iterate(ENDLESS);
    await results.next();
    await expect.poll(() => now.streaming).toBe(2);

    await app.close();
    expect(await left).toMatchObject({ code: 1001 });
    expect(await streamed).toMatch(/^:\n\nretry: \d+\nevent: next\ndata: {"data":{"probeEndless":1}}\n\n$/);
    expect(now.streaming).toBe(0);
  });

  it('cuts off what does not end in time', async () => {
    const { schema, now } = probe();
    const app = await startApp({ schema });
    const cutOff = expect(transports.HTTP(app.url, WAIT)).rejects.toThrow('socket hang up');
    await expect.poll(() => now.waiting).toBe(1);
    await app.close();
    await cutOff;
  });

  it('does not wait for connections that are merely kept alive', async () => {
    const app = await startApp();
    await fetch(app.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ __typename }' }),
    });
    const left: number[] = [];
    const cutOff = vi.spyOn(Server.prototype, 'closeAllConnections').mockImplementation(function (this: Server) {
      this.getConnections((_, count) => left.push(count));
    });
    onTestFinished(() => cutOff.mockRestore());
    await app.close();
    expect(left).toEqual([0]);
  });

  it('closes once, however often it is asked', async () => {
    const app = await startApp();
    await expect(Promise.all([app.close(), app.close()])).resolves.toBeDefined();
  });
});
