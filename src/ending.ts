// How a process ends that others rely on: in order, within a bound, and never going on after a fault that nobody foresaw.
import { GraphQLError } from 'graphql';
import type { Logger } from 'pino';

const CLOSE_MS = 5_000;

export class Ending {
  #since: number | null = null;
  #exitCode = 0;

  /** `close` has all the process has open closed, and must not reject. */
  constructor(
    private readonly log: Logger,
    private readonly close: () => Promise<void>,
  ) {
    // Where an item of a list fails, the executor leaves those before it to fail unheard: their operation has been answered, and
    // no caller may end the process by it. All other rejections that nobody handles are faults.
    process.on('unhandledRejection', (error) => {
      if (!(error instanceof GraphQLError)) throw error;
      log.debug({ err: error }, 'a part of an operation failed after its answer');
    });
    process.on('uncaughtException', (error) => {
      log.fatal({ err: error }, 'an unforeseen fault');
      this.begin(1);
    });
  }

  /** For how long it has been ending; null where it is not. */
  get forMs(): number | null {
    return this.#since === null ? null : performance.now() - this.#since;
  }

  /** Ends the process once all is closed; with 1 where that takes too long. Of several calls the highest status counts. */
  begin(exitCode: number): void {
    this.#exitCode = Math.max(this.#exitCode, exitCode);
    if (this.#since !== null) return;
    this.#since = performance.now();
    setTimeout(() => {
      this.log.error(`the server did not close within ${CLOSE_MS} ms`);
      process.exit(1);
    }, CLOSE_MS);
    void this.close().then(() => process.exit(this.#exitCode));
  }
}
