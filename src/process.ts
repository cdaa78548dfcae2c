// A server as a process: it says when it is ready, ends in order when it is told to, and never goes on after a fault that
// nobody foresaw.
import { pino, type Logger } from 'pino';
import { startApp } from './app.js';
import { ConfigError, readConfig, type Flags } from './config.js';

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
  // Rejections that nobody handles arrive here too.
  process.on('uncaughtException', (error) => {
    log.fatal({ err: error }, 'an unforeseen fault');
    exitCode = 1;
    if (endingSince === null) void end();
  });
  const { url } = await starting;
  process.stdout.write(`Lifeline is ready at ${url}\n`);
}

/** To stderr, at once: a process that exits loses nothing of it. */
export function logTo(level: string): Logger {
  return pino({ level }, pino.destination({ dest: 2, sync: true }));
}

/** Says why the process cannot do what it was asked to, and ends it: with 2 where it was asked wrongly, else with 1. */
export function giveUp(error: unknown): never {
  const isMisuse = error instanceof ConfigError;
  const reasons = isMisuse ? error.faults : [error instanceof Error ? error.message : String(error)];
  // Some libraries set their messages in paragraphs.
  for (const reason of reasons) process.stderr.write(`lifeline: ${reason.replace(/\s+/g, ' ').trim()}\n`);
  process.exit(isMisuse ? MISUSE : 1);
}
