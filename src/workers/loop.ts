import type { Logger } from 'pino';
import type { Observer } from '../store/store.js';

/** One piece of work that nobody asks for. */
export interface Chore {
  name: string;
  everyMs: number;
  /** The signal says that nobody waits for more: a long run stops where it can. */
  run: (signal: AbortSignal) => Promise<unknown>;
}

/**
 * Runs a chore again and again: never two runs of it at once, and a run that fails is logged and followed by the next.
 * The function that it answers with ends it, after the run under way, which it tells to stop.
 */
export function startLoop(
  { name, everyMs, run }: Chore,
  log: Logger,
  observer: Pick<Observer, 'done'> | null = null,
): () => Promise<void> {
  const stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  function schedule(): void {
    // With jitter, so that many servers do not sweep in step.
    const next = (): void => void (running = turn());
    timer = setTimeout(next, everyMs * (0.9 + Math.random() / 5)).unref();
  }
  async function turn(): Promise<void> {
    const from = performance.now();
    const seconds = (): number => (performance.now() - from) / 1_000;
    try {
      await run(stop.signal);
      observer?.done(name, seconds(), true);
    } catch (error) {
      observer?.done(name, seconds(), false);
      log.error({ err: error, chore: name }, 'a chore failed and will be tried again');
    }
    if (!stop.signal.aborted) schedule();
  }

  schedule();
  return async () => {
    stop.abort();
    clearTimeout(timer);
    await running;
  };
}
