import { expect, it } from 'vitest';
import { startApp } from '../support/app.js';
import { bytesHeld } from '../support/memory.js';
import { close, subscribe } from '../support/subscriber.js';
import { transports } from '../support/wire.js';

const READERS = 5;
const ROUNDS = 60;
const EVENT_BYTES = 250_000;

const APPEND = 'mutation ($input: AppendEventsInput!) { appendEvents(input: $input) { position } }';

interface Data {
  startSession: { position: number; session: { id: string } };
  appendEvents: { position: number };
}

it(
  'subscribers that stop reading slow nobody, hold no more the more they miss, and read on in order',
  { timeout: 90_000 },
  async () => {
    await using app = await startApp();
    const ask = async (query: string, variables = {}) =>
      (await transports.HTTP(app.url, { query, variables }))[0]?.data as unknown as Data;
    const { startSession } = await ask('mutation { startSession(input: {}) { position session { id } } }');
    const follow = (fields: string) => subscribe(app.url, { query: `subscription { log { ${fields} } }` });
    const slow = await Promise.all(
      Array.from({ length: READERS }, () => follow('head: position events { position data }')),
    );
    const quick = await follow('head: position');
    for (const { socket } of slow) socket.pause();

    const before = await bytesHeld();
    const events = [{ type: 'PROGRESS', data: { text: 'x'.repeat(EVENT_BYTES) } }];
    const input = { sessionId: startSession.session.id, events };
    let head = 0;
    for (let round = 0; round < ROUNDS; round++) head = (await ask(APPEND, { input })).appendEvents.position;
    await expect.poll(() => quick.payloads.at(-1)).toContain(`"head":${head}}`);

    // What the server has at hand, and a batch for each; queues would hold twice as much.
    expect((await bytesHeld()) - before).toBeLessThan((EVENT_BYTES * ROUNDS * READERS) / 2);
    const positionsOf = (payloads: readonly string[]) =>
      payloads.flatMap((text) => Array.from(text.matchAll(/\{"position":(\d+)/g), ([, position]) => Number(position)));
    for (const { payloads } of slow) expect(positionsOf(payloads)).not.toContain(head);

    for (const { socket } of slow) socket.resume();
    const { position } = startSession;
    const written = Array.from({ length: head - position }, (_, index) => position + 1 + index);
    for (const { payloads } of slow) await expect.poll(() => positionsOf(payloads)).toEqual(written);
    close([...slow, quick]);
  },
);
