import { once } from 'node:events';
import { createServer, request, type Server, type ServerOptions, type ServerResponse } from 'node:http';
import { connect, createServer as createDoor, type AddressInfo, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { handedTo, type Handed } from '../../src/server/handed.js';

describe('connections that are handed to a server', () => {
  const closing: (() => void)[] = [];
  afterEach(() => closing.splice(0).forEach((close) => close()));

  /** A server that answers when the test does, and a port of somebody else's that leads to it. */
  async function open(options: ServerOptions = {}): Promise<{
    server: Server;
    handed: Handed;
    port: number;
    answers: ServerResponse[];
  }> {
    const answers: ServerResponse[] = [];
    const server = createServer(options, (_request, response) => void answers.push(response));
    const handed = handedTo(server);
    const door = createDoor((socket) => handed.take(socket)).listen(0, '127.0.0.1');
    await once(door, 'listening');
    closing.push(
      () => void door.close(),
      () => server.closeAllConnections(),
    );
    return { server, handed, port: (door.address() as AddressInfo).port, answers };
  }
  async function enter(port: number, sent: string): Promise<Socket> {
    const client = connect(port, '127.0.0.1');
    closing.push(() => client.destroy());
    await once(client, 'connect');
    client.write(sent);
    return client;
  }

  it('are answered, also those that have nothing more to send', async () => {
    const { port, answers } = await open();
    const client = await enter(port, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    await expect.poll(() => answers.length).toBe(1);
    answers[0]!.end('hello');
    expect(await text(client)).toMatch(/hello$/);
  });

  it('are closed when the server closes: idle ones at once, others after their answer', async () => {
    const { server, handed, port, answers } = await open();
    const idle = await enter(port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    await expect.poll(() => answers.length).toBe(1);
    answers[0]!.end('first');
    await once(idle, 'data');
    const outgoing = request({ port, host: '127.0.0.1', agent: false }).end();
    await expect.poll(() => answers.length).toBe(2);

    let isEmpty = false;
    server.close();
    const emptied = handed.empty().then(() => (isEmpty = true));
    await once(idle.resume(), 'close');
    expect(isEmpty).toBe(false);
    answers[1]!.end('second');
    const [response] = (await once(outgoing, 'response')) as [NodeJS.ReadableStream];
    expect(await text(response)).toBe('second');
    await emptied;
  });

  it('are refused once the server closes', async () => {
    const { server, handed, port } = await open();
    server.close();
    await handed.empty();
    const client = await enter(port, 'GET / HTTP/1.1\r\nhost: x\r\n\r\n');
    client.on('error', () => undefined);
    await once(client.resume(), 'close');
  });

  it('are cut off where a request takes too long to come', async () => {
    const { port } = await open({ headersTimeout: 50, requestTimeout: 50, connectionsCheckingInterval: 10 });
    const client = await enter(port, 'GET / HTTP/1.1\r\nhost:');
    expect(await text(client)).toMatch(/^HTTP\/1\.1 408 /);
  });
});
