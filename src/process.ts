// A server as a process: it says when it is ready, and ends in order when it is told to.
import type { Logger } from 'pino';
import type { App } from './app.js';
import { readConfig, type Config, type Flags } from './config.js';
import { Ending } from './ending.js';
import { logTo } from './logger.js';

// A terminal gives Ctrl-C to npm and to this process, and npm passes it on.
const ECHO_MS = 500;

/**
 * Starts a server and resolves when it is ready, which it says on stdout; its log goes to stderr. SIGTERM or SIGINT ends the
 * process with 0 after an orderly close, a second one at once. An unforeseen fault ends it likewise, with 1.
 */
export async function runServer(flags: Flags = {}): Promise<void> {
  const config = readConfig(flags);
  const log = logTo(config.logLevel);
  const starting = start(config, log);
  const ending = new Ending(log, async () => {
    const app = await starting.catch(() => null);
    await app?.close();
  });

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      const { forMs } = ending;
      if (forMs === null) {
        log.info({ signal }, 'closing');
        ending.begin(0);
      } else if (forMs > ECHO_MS) {
        process.exit(1);
      }
    });
  }
  const { url, adminKey, failed } = await starting;
  void failed.then((reason) => {
    log.fatal(reason.message);
    ending.begin(1);
  });
  process.stdout.write(`Lifeline is ready at ${url}\n`);
  // Not through the log: what is logged is kept, and read by many.
  if (adminKey) process.stdout.write(`The admin key of this server, shown this once: ${adminKey}\n`);
}

/** Loads what it needs and no more: a primary serves nothing itself. */
async function start(config: Config, log: Logger): Promise<App> {
  if (config.workers === 1) return (await import('./app.js')).startApp(config, log);
  return (await import('./primary.js')).startPrimary(config, log);
}
