import { setTimeout as delay } from 'node:timers/promises';
import type { Relay } from '../support/relay.js';
import { cut, freeze, seconds, type Fault } from './fault.js';
import type { Subscriber } from './subscriber.js';

export interface Clients {
  readonly subscribers: readonly Subscriber[];
  /** The writers' lines. */
  readonly writers: readonly Relay[];
}

/** What can befall clients of whatever deployment. */
export function clientFaults({ subscribers, writers }: Clients): Fault[] {
  const all = [...writers, ...subscribers.map(({ way }) => way)];
  return [
    {
      name: 'clients cut off',
      aim(random) {
        const lines = all.filter(() => random.chance(1 / 3));
        return { what: `${lines.length} clients are cut off`, lines, pass: () => cut(lines) };
      },
    },
    {
      name: 'a line of a client silent',
      aim(random) {
        const line = random.pick(all);
        const ms = random.integer(500, 4_000);
        const goesOn = random.chance(0.5);
        const what = `the line of a client is silent for ${seconds(ms)}, then ${goesOn ? 'goes on' : 'breaks'}`;
        return { what, lines: [line], pass: () => freeze([line], ms, goesOn) };
      },
    },
    {
      name: 'a subscriber not reading',
      aim(random) {
        const { name, way } = random.pick(subscribers);
        const ms = random.integer(1_000, 5_000);
        const what = `subscriber ${name} reads nothing for ${seconds(ms)}`;
        return {
          what,
          lines: [way],
          async pass() {
            way.stall();
            await delay(ms);
            way.flow();
          },
        };
      },
    },
    {
      name: 'a subscriber reconnecting',
      aim(random) {
        const subscriber = random.pick(subscribers);
        const what = `subscriber ${subscriber.name} closes and comes back with its cursor`;
        return { what, lines: [subscriber.way], pass: async () => subscriber.reconnect() };
      },
    },
    {
      name: 'a writer cut off',
      aim(random) {
        const lines = [random.pick(writers)];
        return { what: 'a writer is cut off', lines, pass: () => cut(lines) };
      },
    },
  ];
}
