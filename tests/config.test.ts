import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../src/config.js';

function faultsOf(...args: Parameters<typeof readConfig>): readonly string[] {
  try {
    readConfig(...args);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('serves a first user who sets nothing', () => {
    expect(readConfig({}, {})).toEqual({
      host: '127.0.0.1',
      port: 4000,
      databaseUrl: null,
      dataDir: path.resolve('.lifeline'),
      redisUrl: null,
      sessionDays: null,
      eventDays: null,
      checkpointDays: null,
      watchdogIntervalMs: 30_000,
      logLevel: 'info',
    });
  });

  it('is read from the environment', () => {
    const env = {
      HOST: '127.0.0.1',
      PORT: '0',
      DATABASE_URL: 'postgresql://user:secret@db.example:5432/lifeline',
      LIFELINE_DATA_DIR: '/var/lib/life line',
      REDIS_URL: 'rediss://cache.example:6380',
      LIFELINE_RETAIN_SESSIONS_DAYS: '365',
      LIFELINE_RETAIN_EVENTS_DAYS: '90',
      LIFELINE_RETAIN_CHECKPOINTS_DAYS: '30',
      LIFELINE_WATCHDOG_INTERVAL_MS: '1000',
      LOG_LEVEL: 'warn',
    };
    expect(readConfig({}, env)).toEqual({
      host: '127.0.0.1',
      port: 0,
      databaseUrl: env.DATABASE_URL,
      dataDir: path.resolve('/var/lib/life line'),
      redisUrl: env.REDIS_URL,
      sessionDays: 365,
      eventDays: 90,
      checkpointDays: 30,
      watchdogIntervalMs: 1000,
      logLevel: 'warn',
    });
  });

  it('takes a flag before a variable', () => {
    expect(readConfig({ port: '6000' }, { PORT: '5000', LOG_LEVEL: 'warn' })).toMatchObject({
      port: 6000,
      logLevel: 'warn',
    });
  });

  it('takes an empty value for an absent one', () => {
    expect(readConfig({}, { PORT: '', DATABASE_URL: '', REDIS_URL: '' })).toEqual(readConfig({}, {}));
  });

  it('cannot be changed', () => {
    expect(readConfig({}, {})).toSatisfy(Object.isFrozen);
  });

  it('reports every fault at once, each under the name by which it was given', () => {
    const env = {
      HOST: '0.0.0.0',
      PORT: '65536',
      DATABASE_URL: 'mysql://db.example',
      REDIS_URL: 'cache.example:6379',
      LOG_LEVEL: 'loud',
    };
    expect(faultsOf({ host: '::', port: '4e3' }, env)).toEqual([
      expect.stringMatching(/^--host is ::, but/),
      '--port is "4e3", which is no port: a whole number from 0 to 65535 is.',
      'DATABASE_URL is no URL of the form postgresql://host or postgres://host.',
      'REDIS_URL is no URL of the form redis://host or rediss://host or redis+cluster://host.',
      'LOG_LEVEL is "loud"; it can be trace, debug, info, warn, error, fatal, silent.',
    ]);
  });

  it.each(['0.0.0.0', '192.168.0.1', '::', '::1', 'localhost', 'lifeline.example'])(
    'refuses to listen on %s, and says why',
    (host) => {
      expect(faultsOf({}, { HOST: host })).toEqual([
        `HOST is ${host}, but Lifeline listens on 127.0.0.1 only: it does not ask for credentials yet, so whoever could ` +
          'reach it could do everything.',
      ]);
    },
  );

  it.each(['-1', '1.5', '65536', 'http', ' 80', '0x50'])('refuses the port %j', (port) => {
    expect(faultsOf({}, { PORT: port })).toHaveLength(1);
  });

  it.each(['redis://a', 'redis://user:pass@a:6379/0', 'redis+cluster://a:7000,b:7001,c:7002'])(
    'accepts the Redis at %s',
    (url) => expect(readConfig({}, { REDIS_URL: url }).redisUrl).toBe(url),
  );

  it.each(['-1', '1.5', 'often', '1e3'])('refuses to look every %j ms', (interval) => {
    expect(faultsOf({}, { LIFELINE_WATCHDOG_INTERVAL_MS: interval })).toHaveLength(1);
  });

  it.each(['0', '-1', '1.5', 'ever', '1e3'])('refuses to keep events for %j days', (days) => {
    expect(faultsOf({}, { LIFELINE_RETAIN_EVENTS_DAYS: days })).toEqual([
      `LIFELINE_RETAIN_EVENTS_DAYS is "${days}", which is no number of days: a whole number from 1 to 99999 is.`,
    ]);
  });

  it('never repeats a URL, which may hold a password', () => {
    const [fault] = faultsOf({}, { DATABASE_URL: 'postgres:/user:hunter2@db' });
    expect(fault).toMatch(/^DATABASE_URL is no URL/);
    expect(fault).not.toContain('hunter2');
  });
});
