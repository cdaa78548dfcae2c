import path from 'node:path';

/** What a server has to know before it starts. Frozen; every value is already checked. */
export interface Config {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** null: the embedded PostgreSQL. */
  readonly databaseUrl: string | null;
  /** Absolute. */
  readonly dataDir: string;
  /** null: the bus of this process alone. */
  readonly redisUrl: string | null;
  /** For how many days ended sessions, events and checkpoints are kept; null: for ever. */
  readonly sessionDays: number | null;
  readonly eventDays: number | null;
  readonly checkpointDays: number | null;
  /** Between two looks at the silence of live sessions, in milliseconds; 0: this server does not look. */
  readonly watchdogIntervalMs: number;
  readonly logLevel: string;
}

/** The flags of a command, by the names of the configuration. */
export type Flags = { readonly [Name in keyof Config]?: string | undefined };

type Environment = Readonly<Record<string, string | undefined>>;

/** `faults` has one sentence for each value that cannot be used. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(readonly faults: readonly string[]) {
    super(faults.join('\n'));
  }
}

interface Setting<T> {
  readonly variable: string;
  readonly flag: string;
  readonly meaning: string;
  /** Stands for an absent or empty value; empty where there is none. */
  readonly fallback: string;
  /** Throws a Fault, which goes on after the name of the variable or flag. */
  readonly parse: (text: string) => T;
}

/** Each value of the configuration with its variable, its flag and its meaning; flags win. */
export const settings: { readonly [Name in keyof Config]: Setting<Config[Name]> } = {
  host: {
    variable: 'HOST',
    flag: '--host <address>',
    meaning: 'the address to listen on',
    fallback: '127.0.0.1',
    parse: loopback,
  },
  port: {
    variable: 'PORT',
    flag: '--port <number>',
    meaning: 'the port to listen on; 0 takes a free one',
    fallback: '4000',
    parse: portNumber,
  },
  databaseUrl: {
    variable: 'DATABASE_URL',
    flag: '--database-url <url>',
    meaning: 'PostgreSQL 15 or later; without it an embedded one is run',
    fallback: '',
    parse: (text) => optionalUrl(text, ['postgresql', 'postgres']),
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
  logLevel: {
    variable: 'LOG_LEVEL',
    flag: '--log-level <level>',
    meaning: 'how much is logged: trace, debug, info, warn, error, fatal or silent',
    fallback: 'info',
    parse: (text) => oneOf(text, ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']),
  },
};

/** Reads all settings from flags and the environment; flags win. Throws one ConfigError that lists every fault. */
export function readConfig(flags: Flags = {}, env: Environment = process.env): Config {
  const faults: string[] = [];
  // A faulty value stands for nothing: what is read is thrown away where there is any fault.
  const read = <Name extends keyof Config>(name: Name): Config[Name] => {
    const { variable, flag, fallback, parse } = settings[name];
    const [source, given] = flags[name] === undefined ? [variable, env[variable]] : [flag.split(' ')[0], flags[name]];
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
    databaseUrl: read('databaseUrl'),
    dataDir: read('dataDir'),
    redisUrl: read('redisUrl'),
    sessionDays: read('sessionDays'),
    eventDays: read('eventDays'),
    checkpointDays: read('checkpointDays'),
    watchdogIntervalMs: read('watchdogIntervalMs'),
    logLevel: read('logLevel'),
  };
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config);
}

class Fault extends Error {}

function loopback(text: string): string {
  if (text === '127.0.0.1') return text;
  throw new Fault(
    `is ${text}, but Lifeline listens on 127.0.0.1 only: it does not ask for credentials yet, so whoever could reach it ` +
      'could do everything.',
  );
}

function portNumber(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new Fault(`is "${text}", which is no port: a whole number from 0 to 65535 is.`);
}

/** The text itself is never told: it may hold a password. */
function optionalUrl(text: string, protocols: readonly string[]): string | null {
  if (text === '') return null;
  const begins = protocols.some((protocol) => text.startsWith(`${protocol}://`));
  // A cluster's URL names several hosts, which no URL parser reads.
  const [first = ''] = text.split(',');
  if (begins && URL.canParse(first) && new URL(first).hostname !== '') return text;
  throw new Fault(`is no URL of the form ${protocols.map((protocol) => `${protocol}://host`).join(' or ')}.`);
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

function oneOf(text: string, choices: readonly string[]): string {
  if (choices.includes(text)) return text;
  throw new Fault(`is "${text}"; it can be ${choices.join(', ')}.`);
}
