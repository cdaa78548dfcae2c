// A server as a process: it says when it is ready, ends in order when it is told to, and never goes on after a fault that
// nobody foresaw.
import { GraphQLError } from 'graphql';
import { pino, type DestinationStream, type Logger } from 'pino';
import { startApp } from './app.js';
import { ConfigError, readConfig, type Flags } from './config.js';
import { redactText } from './domain/redaction.js';
import { REDACTED } from './domain/secret.js';

const CLOSE_MS = 5_000;

// A terminal gives Ctrl-C to npm and to this process, and npm passes it on.
const ECHO_MS = 500;

const MISUSE = 2;

/**
 * Starts a server and resolves when it is ready, which it says on stdout; its log goes to stderr. SIGTERM or SIGINT ends the
 * process with 0 after an orderly close, a second one at once. An unforeseen fault ends it likewise, with 1.
 */
export async function runServer(flags: Flags = {}): Promise<void> {
  const config = readConfig(flags);
  const log = logTo(config.logLevel);
  const starting = startApp(config, log);
  let endingSince: number | null = null;
  let exitCode = 0;

  async function end(): Promise<void> {
    endingSince = performance.now();
    setTimeout(() => {
      log.error(`the server did not close within ${CLOSE_MS} ms`);
      process.exit(1);
    }, CLOSE_MS);
    const app = await starting.catch(() => null);
    await app?.close();
    process.exit(exitCode);
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (endingSince === null) {
        log.info({ signal }, 'closing');
        void end();
      } else if (performance.now() - endingSince > ECHO_MS) {
        process.exit(1);
      }
    });
  }
  // Where an item of a list fails, the executor leaves those before it to fail unheard: their operation has been answered, and
  // no caller may end the process by it. All other rejections that nobody handles are faults.
  process.on('unhandledRejection', (error) => {
    if (!(error instanceof GraphQLError)) throw error;
    log.debug({ err: error }, 'a part of an operation failed after its answer');
  });
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an unforeseen fault');
    exitCode = 1;
    if (endingSince === null) void end();
  });
  const { url, adminKey, failed } = await starting;
  void failed.then((reason) => {
    log.fatal(reason.message);
    exitCode = 1;
    if (endingSince === null) void end();
  });
  process.stdout.write(`Lifeline is ready at ${url}\n`);
  // Not through the log: what is logged is kept, and read by many.
  if (adminKey) process.stdout.write(`The admin key of this server, shown this once: ${adminKey}\n`);
}

/** To stderr, at once: a process that exits loses nothing of it. */
export function logTo(level: string): Logger {
  return loggerTo(level, pino.destination({ dest: 2, sync: true }));
}

/** Lines of JSON, out of which whatever has the shape of a secret is taken: libraries repeat URLs and headers in their errors. */
export function loggerTo(level: string, destination: DestinationStream): Logger {
  return pino({ level, redact: SECRETS, hooks: { streamWrite: (line) => redactText(line).text } }, destination);
}

const NAMED = ['authorization', 'cookie', 'password', 'token', 'secret', 'apiKey'];
const SECRETS = { paths: NAMED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: REDACTED };

/** Says why the process cannot do what it was asked to, and ends it: with 2 where it was asked wrongly, else with 1. */
export function giveUp(error: unknown): never {
  const isMisuse = error instanceof ConfigError;
  const reasons = isMisuse ? error.faults : [error instanceof Error ? error.message : String(error)];
  // Some libraries set their messages in paragraphs.
  for (const reason of reasons) process.stderr.write(`lifeline: ${reason.replace(/\s+/g, ' ').trim()}\n`);
  process.exit(isMisuse ? MISUSE : 1);
}
