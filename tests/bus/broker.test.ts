import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { Broker } from '../../src/bus/broker.js';
import type { Hint } from '../../src/bus/bus.js';
import { lineBus, type Line, type Parcel } from '../../src/bus/line.js';
import { openLine } from '../support/line.js';

const log = pino({ level: 'silent' });
const TOPIC = 'topic';

/** A process that keeps what it is told. */
function hearer(line: Line): Parcel[] {
  const heard: Parcel[] = [];
  line.onParcel((parcel) => heard.push(parcel));
  return heard;
}
const message = (text: string): Parcel => ({ kind: 'message', topic: TOPIC, text });

describe('the broker', () => {
  it('tells all others who have subscribed, and nobody else', async () => {
    const broker = new Broker();
    const [speaker, subscriber, other] = [openLine(), openLine(), openLine()];
    for (const { broker: end } of [speaker, subscriber, other]) broker.join(end);
    const [own, heard, unheard] = [speaker, subscriber, other].map(({ process }) => hearer(process));
    for (const line of [speaker, subscriber]) await line.process.send({ kind: 'subscribe', topic: TOPIC });
    await expect.poll(() => [own, heard]).toEqual([[subscribed], [subscribed]]);
    await speaker.process.send(message('one'));
    await expect.poll(() => heard).toEqual([subscribed, message('one')]);
    await subscriber.process.send({ kind: 'unsubscribe', topic: TOPIC });
    await speaker.process.send(message('two'));
    await subscriber.process.send(message('three'));
    await expect.poll(() => own).toEqual([subscribed, message('three')]);
    expect([heard, unheard]).toEqual([[subscribed, message('one')], []]);
  });

  it('keeps back from one that does not read what is beyond its bound, and tells it so', async () => {
    const broker = new Broker();
    const [speaker, subscriber] = [openLine(), openLine()];
    for (const { broker: end } of [speaker, subscriber]) broker.join(end);
    const heard = hearer(subscriber.process);
    await subscriber.process.send({ kind: 'subscribe', topic: TOPIC });
    await expect.poll(() => heard).toHaveLength(1);
    const resume = subscriber.pause();
    for (let count = 0; count < 1_000; count++) await speaker.process.send(message(String(count)));
    resume();
    await expect.poll(() => heard.at(-1)).toEqual({ kind: 'lost' });
    expect(heard.length).toBeLessThan(500);
    await speaker.process.send(message('again'));
    await expect.poll(() => heard.at(-1)).toEqual(message('again'));
  });

  it('that has kept hints back has their listeners read again', async () => {
    const broker = new Broker();
    const [speaker, subscriber] = [openLine(), openLine()];
    for (const { broker: end } of [speaker, subscriber]) broker.join(end);
    const bus = await lineBus({ line: subscriber.process, log });
    const hints: Hint[] = [];
    await bus.listen('project', (hint) => hints.push(hint));
    const resume = subscriber.pause();
    for (let count = 0; count < 1_000; count++) {
      await speaker.process.send({ kind: 'message', topic: 'lifeline:log:project', text: String(count) });
    }
    resume();
    await expect.poll(() => hints.at(-1)).toBe(null);
    expect(bus.status()).toBe('ok');
    await bus.close();
  });

  it('forgets a process that has left', async () => {
    const broker = new Broker();
    const [speaker, subscriber] = [openLine(), openLine()];
    broker.join(speaker.broker);
    const leave = broker.join(subscriber.broker);
    const [own, heard] = [speaker, subscriber].map(({ process }) => hearer(process));
    await subscriber.process.send({ kind: 'subscribe', topic: TOPIC });
    await expect.poll(() => heard).toEqual([subscribed]);
    leave();
    await speaker.process.send(message('one'));
    await speaker.process.send({ kind: 'subscribe', topic: TOPIC });
    await expect.poll(() => own).toEqual([subscribed]);
    expect(heard).toEqual([subscribed]);
  });
});

const subscribed: Parcel = { kind: 'subscribed', topic: TOPIC };
