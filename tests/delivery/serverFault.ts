import { setTimeout as delay } from 'node:timers/promises';
import type { PrivateRedis } from '../support/redis.js';
import type { TrialDatabase } from './database.js';
import { cut, freeze, seconds, type Fault } from './fault.js';
import type { Random } from './random.js';
import type { Server } from './server.js';

export interface Machines {
  readonly servers: readonly Server[];
  readonly database: TrialDatabase;
  readonly redis: PrivateRedis;
}

/** Longer than a subscription waits for its database (30 s): then it ends, and its clients come back. */
const LONG_MS = [35_000, 40_000] as const;

/** An outage that outlasts what subscriptions wait for; it takes so long that there is one of them at most. */
export const longFault = ({ servers }: Pick<Machines, 'servers'>): Fault => ({
  name: 'PostgreSQL silent for long',
  aim(random) {
    const server = random.pick(servers);
    const ms = random.integer(...LONG_MS);
    const goesOn = random.chance(0.5);
    const then = goesOn ? 'goes on' : 'breaks';
    return {
      what: `the line from ${server.name} to PostgreSQL is silent for ${seconds(ms)}, then ${then}`,
      pass: () => freeze([server.database], ms, goesOn),
    };
  },
});

/** What can befall the machines of a deployment; each is made good again before it is over. */
export function serverFaults({ servers, database, redis }: Machines): Fault[] {
  const aMoment = (random: Random): number => random.integer(300, 2_500);
  return [
    {
      name: 'server killed',
      aim(random) {
        const server = random.pick(servers);
        const ms = aMoment(random);
        return {
          what: `${server.name} is killed (SIGKILL) and away for ${seconds(ms)}`,
          async pass() {
            await server.kill();
            await delay(ms);
            await server.start();
          },
        };
      },
    },
    {
      name: 'server stopped',
      aim(random) {
        const server = random.pick(servers);
        return {
          what: `${server.name} is stopped (SIGTERM) and started again`,
          async pass() {
            await server.stop();
            await server.start();
          },
        };
      },
    },
    {
      name: 'Redis killed',
      aim(random) {
        const ms = aMoment(random);
        return {
          what: `Redis is killed and away for ${seconds(ms)}`,
          async pass() {
            await redis.kill();
            await delay(ms);
            await redis.restart();
          },
        };
      },
    },
    {
      name: 'Redis paused',
      aim(random) {
        const ms = random.integer(1_000, 5_000);
        return {
          what: `Redis is paused (SIGSTOP) for ${seconds(ms)}`,
          async pass() {
            redis.pause();
            await delay(ms);
            redis.resume();
          },
        };
      },
    },
    {
      name: 'PostgreSQL restarted',
      aim: () => ({ what: 'PostgreSQL is restarted', pass: () => database.restart() }),
    },
    {
      name: 'PostgreSQL crashed',
      aim(random) {
        const signal = random.pick(['SIGQUIT', 'SIGKILL'] as const);
        return { what: `PostgreSQL is killed (${signal}) and recovers`, pass: () => database.crash(signal) };
      },
    },
    ...(['database', 'redis'] as const).flatMap((line): Fault[] => {
      const partner = line === 'redis' ? 'Redis' : 'PostgreSQL';
      return [
        {
          name: `server cut off from ${partner}`,
          aim(random) {
            const server = random.pick(servers);
            return { what: `${server.name} is cut off from ${partner}`, pass: () => cut([server[line]]) };
          },
        },
        {
          name: `line to ${partner} silent`,
          aim(random) {
            const server = random.pick(servers);
            const ms = random.integer(1_000, 5_000);
            const goesOn = random.chance(0.5);
            const then = goesOn ? 'goes on' : 'breaks';
            return {
              what: `the line from ${server.name} to ${partner} is silent for ${seconds(ms)}, then ${then}`,
              pass: () => freeze([server[line]], ms, goesOn),
            };
          },
        },
      ];
    }),
  ];
}
