import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

/** How often in a row it is started again, before and after each time that it does not stay. */
const STARTS_MAX = 5;
/** Before the first of these starts; each further one waits twice as long. */
const PAUSE_MS = 100;
/** One that has run for so long did stay. */
const CALM_MS = 60_000;

/** A process that was started and is to go on. */
export interface Running {
  /** Resolves with how it ended, whether it was stopped or not. */
  readonly ended: Promise<string>;
  readonly stop: () => Promise<void>;
}

export interface Kept {
  /** Resolves where it has ended by itself and STARTS_MAX starts in a row have not brought it back to stay. */
  readonly failed: Promise<Error>;
  /** For good. */
  readonly stop: () => Promise<void>;
}

/** Starts a process again where it ends by itself (killed for its memory, say). `name` is what the log calls it. */
export function keepRunning(name: string, first: Running, start: () => Promise<Running>, log: Logger): Kept {
  const stopping = new AbortController();
  // Asked by a call: it changes while this waits.
  const isStopping = (): boolean => stopping.signal.aborted;
  let current = first;
  let giveUp: (reason: Error) => void;
  const failed = new Promise<Error>((resolve) => (giveUp = resolve));
  const kept = keep();

  async function keep(): Promise<void> {
    for (let starts = 0; ;) {
      const since = performance.now();
      const how = await current.ended;
      if (isStopping()) return;
      log.error(`${name} ended by itself (${how}): it is started again`);
      if (performance.now() - since > CALM_MS) starts = 0;
      let fault = 'It ends again and again.';
      for (let isBack = false; !isBack; starts += 1) {
        if (starts === STARTS_MAX) {
          giveUp(new Error(`${sentence(name)} ended by itself (${how}) and cannot be kept running. ${fault}`));
          return;
        }
        await delay(PAUSE_MS * 2 ** starts, undefined, stopping).catch(() => undefined);
        if (isStopping()) return;
        try {
          current = await start();
          isBack = true;
        } catch (error) {
          fault = error instanceof Error ? error.message : String(error);
        }
      }
      if (!isStopping()) log.warn(`${name} is back`);
      // It was told to stop while it started.
      else await current.stop();
    }
  }

  return {
    failed,
    async stop() {
      stopping.abort();
      await current.stop();
      await kept;
    },
  };
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
