import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { Broker } from '../../src/bus/broker.js';
import type { Beat, Bus, Hint } from '../../src/bus/bus.js';
import { lineBus } from '../../src/bus/line.js';
import { memoryBus } from '../../src/bus/memory.js';
import { redisBus } from '../../src/bus/redis.js';
import { openLine } from '../support/line.js';
import { canStartRedis, hasRedis, startRedis, useRedis, type TestRedis } from '../support/redis.js';

const log = pino({ level: 'silent' });

/** The buses of as many servers as ask for one, over a Redis. */
async function overRedis(starting: Promise<TestRedis>): Promise<Kind> {
  const redis = await starting;
  return { connect: () => redisBus({ url: redis.url, log }), stop: () => redis.stop() };
}

/** The buses of the workers of one server, whose primary is in this process too. */
function overLines(): Kind {
  const broker = new Broker();
  const connect = (): Promise<Bus> => {
    const line = openLine();
    broker.join(line.broker);
    return lineBus({ line: line.process, log });
  };
  return { connect, stop: () => Promise.resolve() };
}

interface Kind {
  /** Opens another bus, which hears what is announced on the others. */
  connect: () => Promise<Bus>;
  stop: () => Promise<void>;
}

/** How each kind of bus gets what it needs, and its members: those that a hint has to reach. */
const kinds = [
  {
    name: 'memory',
    available: true,
    start: (): Kind => ({ connect: () => Promise.resolve(memoryBus()), stop: () => Promise.resolve() }),
    members: 1,
  },
  { name: 'line', available: true, start: overLines, members: 2 },
  { name: 'redis', available: hasRedis, start: () => overRedis(useRedis()), members: 2 },
  {
    name: 'redis cluster',
    available: canStartRedis,
    start: () => overRedis(startRedis({ cluster: true })),
    members: 2,
  },
];

describe.for(kinds.filter(({ available }) => available))('the $name bus', ({ start, members }) => {
  const open: Bus[] = [];
  let kind: Kind;

  beforeAll(async () => {
    kind = await start();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((bus) => bus.close()));
  });
  afterAll(() => kind.stop());

  /** As many buses as the kind connects: the last hears what the first announces. */
  async function connect(): Promise<[speaker: Bus, hearer: Bus]> {
    const connected: Bus[] = [];
    while (connected.length < members) connected.push(await kind.connect());
    open.push(...connected);
    return [connected[0]!, connected.at(-1)!];
  }

  async function listen(bus: Bus, project: string): Promise<{ hints: Hint[]; leave: () => void }> {
    const hints: Hint[] = [];
    return { hints, leave: await bus.listen(project, (hint) => hints.push(hint)) };
  }

  it('tells a listener what is announced after listen has resolved', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const { hints } = await listen(hearer, project);
    speaker.announce(project, 7);
    await expect.poll(() => hints).toEqual([7]);
  });

  it('tells the announcing process itself, too', async () => {
    const [speaker] = await connect();
    const project = randomUUID();
    const { hints } = await listen(speaker, project);
    speaker.announce(project, 1);
    await expect.poll(() => hints).toEqual([1]);
  });

  it('keeps projects apart', async () => {
    const [speaker, hearer] = await connect();
    const [one, other] = [randomUUID(), randomUUID()];
    const mine = await listen(hearer, one);
    const theirs = await listen(hearer, other);
    speaker.announce(other, 2);
    speaker.announce(one, 1);
    await expect.poll(() => [mine.hints, theirs.hints]).toEqual([[1], [2]]);
  });

  it('coalesces what is announced at once to the newest position', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const { hints } = await listen(hearer, project);
    for (const position of [1, 2, 5, 4, 3]) speaker.announce(project, position);
    await expect.poll(() => hints).toEqual([5]);
    speaker.announce(project, 6);
    await expect.poll(() => hints).toEqual([5, 6]);
  });

  it('never hears positions in another order than they were announced by one process', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const { hints } = await listen(hearer, project);
    for (let position = 1; position <= 200; position++) {
      speaker.announce(project, position);
      await new Promise(setImmediate);
    }
    await expect.poll(() => hints.at(-1)).toBe(200);
    expect(hints).toEqual(hints.toSorted((a, b) => Number(a) - Number(b)));
  });

  it('tells every listener of a project, the same function as often as it listens', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const onHint = vi.fn();
    await Promise.all([hearer.listen(project, onHint), hearer.listen(project, onHint)]);
    const { hints } = await listen(hearer, project);
    speaker.announce(project, 3);
    await expect.poll(() => [hints.length, onHint.mock.calls.length]).toEqual([1, 2]);
  });

  it('calls a listener no more once it has left, and the others still', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const gone = await listen(hearer, project);
    const stays = await listen(hearer, project);
    gone.leave();
    gone.leave();
    speaker.announce(project, 1);
    await expect.poll(() => stays.hints).toEqual([1]);
    expect(gone.hints).toEqual([]);
  });

  it('hears again after its last listener has left and another has come', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const first = await listen(hearer, project);
    first.leave();
    const second = await listen(hearer, project);
    speaker.announce(project, 9);
    await expect.poll(() => second.hints).toEqual([9]);
    expect(first.hints).toEqual([]);
  });

  const at = (second: number): string => new Date(second * 1000).toISOString();
  const beatOf = (sessionId: string, second: number, more: Partial<Beat> = {}): Beat => ({
    ...{ sessionId, at: at(second), contextPercent: 12.5, currentEpic: 'épique', activity: null },
    ...more,
  });
  /** The beats as they came, message by message. */
  async function hear(bus: Bus, project: string): Promise<{ messages: Beat[][]; leave: () => void }> {
    const messages: Beat[][] = [];
    return { messages, leave: await bus.listenBeats(project, (beats) => messages.push([...beats])) };
  }

  it('hands beats whole to those who listen to the beats of their project, and hints to nobody else', async () => {
    const [speaker, hearer] = await connect();
    const [project, other] = [randomUUID(), randomUUID()];
    const { messages } = await hear(hearer, project);
    const others = await hear(hearer, other);
    const { hints } = await listen(hearer, project);
    const beats = [beatOf('a', 1), beatOf('b', 2, { contextPercent: null, currentEpic: null, activity: '"quoted"' })];
    speaker.tellBeats(project, beats);
    speaker.announce(project, 1);
    await expect.poll(() => [messages, hints]).toEqual([[beats], [1]]);
    expect(others.messages).toEqual([]);
  });

  it('keeps of the beats of one session that are told at once the newest', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const { messages } = await hear(hearer, project);
    for (const second of [1, 3, 2]) speaker.tellBeats(project, [beatOf('a', second), beatOf('b', second)]);
    await expect.poll(() => messages).toEqual([[beatOf('a', 3), beatOf('b', 3)]]);
  });

  it('carries the beats of very many sessions, with the longest texts that there may be', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const { messages } = await hear(hearer, project);
    const activity = '\u{1F916}'.repeat(512);
    const beats = Array.from({ length: 1_234 }, (_, index) => beatOf(`s${index}`, 1, { activity }));
    speaker.tellBeats(project, beats);
    await expect.poll(() => messages.flat().length).toBe(beats.length);
    expect(messages.flat()).toEqual(beats);
  });

  it('hears beats no more once it has left, and again once it has come back', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const gone = await hear(hearer, project);
    gone.leave();
    gone.leave();
    const stays = await hear(hearer, project);
    speaker.tellBeats(project, [beatOf('a', 1)]);
    await expect.poll(() => stays.messages).toEqual([[beatOf('a', 1)]]);
    expect(gone.messages).toEqual([]);
  });

  it('is ok while it works', async () => {
    const [speaker, hearer] = await connect();
    expect([speaker.status(), hearer.status()]).toEqual(['ok', 'ok']);
  });

  it('calls nobody once it is closed, and nobody once the announcing one is', async () => {
    const [speaker, hearer] = await connect();
    const project = randomUUID();
    const before = await listen(hearer, project);
    await Promise.all([speaker.close(), hearer.close()]);
    const after = await listen(hearer, project);
    const beats = await hear(hearer, project);
    speaker.announce(project, 1);
    speaker.tellBeats(project, [beatOf('a', 1)]);
    // By the time that a bus which is open has delivered the next one, this one would have come.
    const [witness, reader] = await connect();
    const seen = await listen(reader, project);
    witness.announce(project, 2);
    await expect.poll(() => seen.hints).toEqual([2]);
    expect([...before.hints, ...after.hints, ...beats.messages]).toEqual([]);
    before.leave();
  });
});
