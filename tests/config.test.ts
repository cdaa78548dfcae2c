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
      workers: 1,
      databaseUrl: null,
      poolSize: 10,
      dataDir: path.resolve('.lifeline'),
      redisUrl: null,
      sessionDays: null,
      eventDays: null,
      checkpointDays: null,
      watchdogIntervalMs: 30_000,
      metricsPort: null,
      metricsHost: '127.0.0.1',
      logLevel: 'info',
      auth: 'auto',
      adminKey: null,
      jwksUrl: null,
      jwtIssuer: null,
      jwtAudience: null,
      jwtRoleClaim: 'role',
      jwtProjectClaim: 'project',
      corsOrigins: [],
      allowedHosts: [],
      tracesUrl: null,
      trustedProxies: [],
      introspection: 'auto',
      graphiql: 'auto',
      ratePerSecond: 1_000,
      maxCost: 25_000,
      maxSubscriptions: 1_000,
      maxSocketSubscriptions: 500,
      maxSockets: 1_000,
      maxAddressSockets: 2_000,
    });
  });

  it('is read from the environment', () => {
    const env = {
      HOST: '127.0.0.1',
      PORT: '0',
      LIFELINE_WORKERS: '4',
      DATABASE_URL: 'postgresql://user:secret@db.example:5432/lifeline',
      LIFELINE_POOL_SIZE: '25',
      LIFELINE_DATA_DIR: '/var/lib/life line',
      REDIS_URL: 'rediss://cache.example:6380',
      LIFELINE_RETAIN_SESSIONS_DAYS: '365',
      LIFELINE_RETAIN_EVENTS_DAYS: '90',
      LIFELINE_RETAIN_CHECKPOINTS_DAYS: '30',
      LIFELINE_WATCHDOG_INTERVAL_MS: '1000',
      LIFELINE_METRICS_PORT: '9464',
      LIFELINE_METRICS_HOST: '10.0.0.1',
      LOG_LEVEL: 'warn',
      LIFELINE_AUTH: 'required',
      LIFELINE_ADMIN_KEY: 'k'.repeat(32),
      LIFELINE_JWT_JWKS_URL: 'https://issuer.example/keys',
      LIFELINE_JWT_ISSUER: 'https://issuer.example',
      LIFELINE_JWT_AUDIENCE: 'lifeline',
      LIFELINE_JWT_ROLE_CLAIM: 'https://issuer.example/role',
      LIFELINE_JWT_PROJECT_CLAIM: 'tenant',
      LIFELINE_CORS_ORIGINS: 'https://app.example, http://localhost:5173',
      LIFELINE_ALLOWED_HOSTS: 'Lifeline.example,[fd00::1]',
      LIFELINE_TRUST_PROXY: '10.0.0.0/8,::1',
      LIFELINE_INTROSPECTION: 'on',
      LIFELINE_GRAPHIQL: 'off',
      LIFELINE_RATE_PER_SECOND: '50',
      LIFELINE_MAX_COST: '10000',
      LIFELINE_MAX_SUBSCRIPTIONS: '100000',
      LIFELINE_MAX_SUBSCRIPTIONS_PER_SOCKET: '20',
      LIFELINE_MAX_SOCKETS: '30',
      LIFELINE_MAX_SOCKETS_PER_ADDRESS: '10000000',
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector.example:4318',
    };
    expect(readConfig({}, env)).toEqual({
      host: '127.0.0.1',
      port: 0,
      workers: 4,
      databaseUrl: env.DATABASE_URL,
      poolSize: 25,
      dataDir: path.resolve('/var/lib/life line'),
      redisUrl: env.REDIS_URL,
      sessionDays: 365,
      eventDays: 90,
      checkpointDays: 30,
      watchdogIntervalMs: 1000,
      metricsPort: 9464,
      tracesUrl: 'http://collector.example:4318',
      metricsHost: '10.0.0.1',
      logLevel: 'warn',
      auth: 'required',
      adminKey: env.LIFELINE_ADMIN_KEY,
      jwksUrl: env.LIFELINE_JWT_JWKS_URL,
      jwtIssuer: env.LIFELINE_JWT_ISSUER,
      jwtAudience: 'lifeline',
      jwtRoleClaim: env.LIFELINE_JWT_ROLE_CLAIM,
      jwtProjectClaim: 'tenant',
      corsOrigins: ['https://app.example', 'http://localhost:5173'],
      allowedHosts: ['lifeline.example', '[fd00::1]'],
      trustedProxies: ['10.0.0.0/8', '::1'],
      introspection: 'on',
      graphiql: 'off',
      ratePerSecond: 50,
      maxCost: 10_000,
      maxSubscriptions: 100_000,
      maxSocketSubscriptions: 20,
      maxSockets: 30,
      maxAddressSockets: 10_000_000,
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
    expect(faultsOf({ host: 'no host', port: '4e3' }, env)).toEqual([
      '--host is "no host", which is no address: 127.0.0.1 and 0.0.0.0 are.',
      '--port is "4e3", which is no port: a whole number from 0 to 65535 is.',
      'DATABASE_URL is no URL of the form postgresql://host or postgres://host.',
      'REDIS_URL is no URL of the form redis://host or rediss://host or redis+cluster://host.',
      'LOG_LEVEL is "loud"; it can be trace, debug, info, warn, error, fatal, silent.',
    ]);
  });

  it.each(['0.0.0.0', '192.168.0.1', '::', '::1', 'localhost', 'lifeline.example'])('listens on %s', (host) => {
    expect(readConfig({}, { HOST: host }).host).toBe(host);
  });

  it.each(['-1', '1.5', '65536', 'http', ' 80', '0x50'])('refuses the port %j', (port) => {
    expect(faultsOf({}, { PORT: port })).toHaveLength(1);
  });

  it.each(['redis://a', 'redis://user:pass@a:6379/0', 'redis+cluster://a:7000,b:7001,c:7002'])(
    'accepts the Redis at %s',
    (url) => expect(readConfig({}, { REDIS_URL: url }).redisUrl).toBe(url),
  );

  it.each(['0', '-1', '1000', 'many'])('refuses %j connections', (size) => {
    expect(faultsOf({}, { LIFELINE_POOL_SIZE: size })).toEqual([
      `LIFELINE_POOL_SIZE is "${size}", which is no number of connections: a whole number from 1 to 999 is.`,
    ]);
  });

  it.each(['0', '-1', '1.5', '1e3', 'all', '10000001'])('refuses a limit of %j', (limit) => {
    expect(faultsOf({}, { LIFELINE_MAX_SOCKETS: limit })).toEqual([
      `LIFELINE_MAX_SOCKETS is "${limit}", which is no limit: a whole number from 1 to 10000000 is.`,
    ]);
  });

  it.each(['0', '-1', '1.5', 'all', '129'])('refuses to be %j processes', (workers) => {
    expect(faultsOf({ workers }, {})).toEqual([
      `--workers is "${workers}", which is no number of processes: a whole number from 1 to 128 is.`,
    ]);
  });

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
