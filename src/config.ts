import path from 'node:path';
import { accessSettings, contradictions, type Access } from './access.js';
import { allowanceSettings } from './allowance.js';
import type { Allowance } from './server/limits.js';
import { Fault, oneOf, optionalUrl, type Setting } from './setting.js';

/** What a server has to know before it starts. Frozen; every value is already checked. */
export interface Config extends Access, Allowance {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** How many processes share the port; 1: this one alone. */
  readonly workers: number;
  /** null: the embedded PostgreSQL. */
  readonly databaseUrl: string | null;
  /** Absolute. */
  readonly dataDir: string;
  /** Connections of a process for reads at most, and as many for writes. */
  readonly poolSize: number;
  /** null: the bus of this server alone. */
  readonly redisUrl: string | null;
  /** For how many days ended sessions, events and checkpoints are kept; null: for ever. */
  readonly sessionDays: number | null;
  readonly eventDays: number | null;
  readonly checkpointDays: number | null;
  /** Between two looks at the silence of live sessions, in milliseconds; 0: this server does not look. */
  readonly watchdogIntervalMs: number;
  /** Where metrics are served; null: nowhere. 0 takes a free one. */
  readonly metricsPort: number | null;
  readonly metricsHost: string;
  /** Where traces go, by OTLP over HTTP, which the OpenTelemetry SDK reads by itself; null: nowhere. */
  readonly tracesUrl: string | null;
  readonly logLevel: string;
}

/** The flags of a command, by the names of the configuration. */
export type Flags = { readonly [Name in keyof Config]?: string | undefined };

type Environment = Readonly<Record<string, string | undefined>>;

// More than the cores of any machine that this is for: each takes its memory and its connections.
const WORKERS_MAX = 128;

/** `faults` has one sentence for each value that cannot be used. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

/** Each value of the configuration with its variable, its flag and its meaning; flags win. */
export const settings: { readonly [Name in keyof Config]: Setting<Config[Name]> } = {
  host: {
    variable: 'HOST',
    flag: '--host <address>',
    meaning: 'the address to listen on',
    fallback: '127.0.0.1',
    parse: address,
  },
  port: {
    variable: 'PORT',
    flag: '--port <number>',
    meaning: 'the port to listen on; 0 takes a free one',
    fallback: '4000',
    parse: portNumber,
  },
  workers: {
    variable: 'LIFELINE_WORKERS',
    flag: '--workers <number>',
    meaning: 'processes that share the port; beyond 1, one more that starts and ends them',
    fallback: '1',
    parse: workerCount,
  },
  databaseUrl: {
    variable: 'DATABASE_URL',
    flag: '--database-url <url>',
    meaning: 'PostgreSQL 15 or later; without it an embedded one is run',
    fallback: '',
    parse: (text) => optionalUrl(text, ['postgresql', 'postgres']),
  },
  poolSize: {
    variable: 'LIFELINE_POOL_SIZE',
    flag: '--pool-size <number>',
    meaning: 'database connections of a process for reads at most, as many for writes, and 3 more',
    fallback: '10',
    parse: poolSize,
  },
  dataDir: {
    variable: 'LIFELINE_DATA_DIR',
    flag: '--data-dir <folder>',
    meaning: "the embedded database's data",
    fallback: '.lifeline',
    parse: (text) => path.resolve(text),
  },
  redisUrl: {
    variable: 'REDIS_URL',
    flag: '--redis-url <url>',
    meaning: 'Redis or Valkey, where several servers share a database',
    fallback: '',
    parse: (text) => optionalUrl(text, ['redis', 'rediss', 'redis+cluster']),
  },
  sessionDays: retention('LIFELINE_RETAIN_SESSIONS_DAYS', '--retain-sessions-days', 'sessions that have ended'),
  eventDays: retention('LIFELINE_RETAIN_EVENTS_DAYS', '--retain-events-days', 'events of sessions that have ended'),
  checkpointDays: retention(
    'LIFELINE_RETAIN_CHECKPOINTS_DAYS',
    '--retain-checkpoints-days',
    'checkpoints but the newest',
  ),
  watchdogIntervalMs: {
    variable: 'LIFELINE_WATCHDOG_INTERVAL_MS',
    flag: '--watchdog-interval-ms <number>',
    meaning: 'how often the silence of live sessions is looked at; 0: not by this server',
    fallback: '30000',
    parse: intervalMs,
  },
  metricsPort: {
    variable: 'LIFELINE_METRICS_PORT',
    flag: '--metrics-port <number>',
    meaning: 'serves metrics for Prometheus at `/metrics` of a port of their own; without it nowhere',
    fallback: '',
    parse: (text) => (text === '' ? null : portNumber(text)),
  },
  metricsHost: {
    variable: 'LIFELINE_METRICS_HOST',
    flag: '--metrics-host <address>',
    meaning: 'the address that metrics are served on: whoever reaches it may read them',
    fallback: '127.0.0.1',
    parse: (text) => text,
  },
  tracesUrl: {
    variable: 'OTEL_EXPORTER_OTLP_ENDPOINT',
    flag: null,
    meaning: 'where traces go, by OTLP over HTTP; without it nowhere',
    fallback: '',
    parse: (text) => optionalUrl(text, ['http', 'https']),
  },
  logLevel: {
    variable: 'LOG_LEVEL',
    flag: '--log-level <level>',
    meaning: 'how much is logged: trace, debug, info, warn, error, fatal or silent',
    fallback: 'info',
    parse: (text) => oneOf(text, ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
  },
  ...accessSettings,
  ...allowanceSettings,
};

/** Reads all settings from flags and the environment; flags win. Throws one ConfigError that lists every fault. */
export function readConfig(flags: Flags = {}, env: Environment = process.env): Config {
  const faults: string[] = [];
  // A faulty value stands for nothing: what is read is thrown away where there is any fault.
  const read = <Name extends keyof Config>(name: Name): Config[Name] => {
    const { variable, flag, fallback, parse } = settings[name];
    const [source, given] = flags[name] === undefined ? [variable, env[variable]] : [flag?.split(' ')[0], flags[name]];
    const text = given === undefined || given === '' ? fallback : given;
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      faults.push(`${source} ${error.message}`);
      return parse(fallback);
    }
  };
  const config: Config = {
    host: read('host'),
    port: read('port'),
    workers: read('workers'),
    databaseUrl: read('databaseUrl'),
    poolSize: read('poolSize'),
    dataDir: read('dataDir'),
    redisUrl: read('redisUrl'),
    sessionDays: read('sessionDays'),
    eventDays: read('eventDays'),
    checkpointDays: read('checkpointDays'),
    watchdogIntervalMs: read('watchdogIntervalMs'),
    metricsPort: read('metricsPort'),
    metricsHost: read('metricsHost'),
    tracesUrl: read('tracesUrl'),
    logLevel: read('logLevel'),
    auth: read('auth'),
    adminKey: read('adminKey'),
    jwksUrl: read('jwksUrl'),
    jwtIssuer: read('jwtIssuer'),
    jwtAudience: read('jwtAudience'),
    jwtRoleClaim: read('jwtRoleClaim'),
    jwtProjectClaim: read('jwtProjectClaim'),
    corsOrigins: read('corsOrigins'),
    allowedHosts: read('allowedHosts'),
    trustedProxies: read('trustedProxies'),
    introspection: read('introspection'),
    graphiql: read('graphiql'),
    ratePerSecond: read('ratePerSecond'),
    maxCost: read('maxCost'),
    maxSubscriptions: read('maxSubscriptions'),
    maxSocketSubscriptions: read('maxSocketSubscriptions'),
    maxSockets: read('maxSockets'),
    maxAddressSockets: read('maxAddressSockets'),
  };
  if (faults.length === 0) faults.push(...contradictions(config));
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config);
}

function address(text: string): string {
  if (/^[\w.:-]{1,253}$/.test(text)) return text;
  throw new Fault(`is "${text}", which is no address: 127.0.0.1 and 0.0.0.0 are.`);
}

function portNumber(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Fault(`is "${text}", which is no port: a whole number from 0 to 65535 is.`);
}

function workerCount(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text) && Number(text) <= WORKERS_MAX) return Number(text);
  throw new Fault(`is "${text}", which is no number of processes: a whole number from 1 to ${WORKERS_MAX} is.`);
}

function poolSize(text: string): number {
  if (/^[1-9]\d{0,2}$/.test(text)) return Number(text);
  throw new Fault(`is "${text}", which is no number of connections: a whole number from 1 to 999 is.`);
}

function retention(variable: string, flag: string, what: string): Setting<number | null> {
  return {
    variable,
    flag: `${flag} <days>`,
    meaning: `${what}: for how long they are kept`,
    fallback: '',
    parse: days,
  };
}

/** null where nothing is said: for ever. */
function days(text: string): number | null {
  if (text === '') return null;
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new Fault(`is "${text}", which is no number of days: a whole number from 1 to 99999 is.`);
}

function intervalMs(text: string): number {
  if (/^\d{1,8}$/.test(text)) return Number(text);
  throw new Fault(`is "${text}", which is no interval: a whole number of milliseconds from 0 to 99999999 is.`);
}
