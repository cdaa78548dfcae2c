import type { Logger } from 'pino';

/** One piece of work that nobody asks for. */
export interface Chore {
  name: string;
  everyMs: number;
  run: () => Promise<unknown>;
}

/**
 * Runs a chore again and again: never two runs of it at once, and a run that fails is logged and followed by the next.
 * The function that it answers with ends it, after the run under way.
 */
export function startLoop({ name, everyMs, run }: Chore, log: Logger): () => Promise<void> {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  function schedule(): void {
    // With jitter, so that many servers do not sweep in step.
    const next = (): void => void (running = turn());
    timer = setTimeout(next, everyMs * (0.9 + Math.random() / 5)).unref();
  }
  async function turn(): Promise<void> {
    try {
      await run();
    } catch (error) {
      log.error({ err: error, chore: name }, 'a chore failed and will be tried again');
    }
    if (!stopped) schedule();
  }

  schedule();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}
