// A server takes on no more at once than it can carry: what comes beyond that waits in a short line, and what finds the line
// full, or waits in it for too long, is refused at once. Whoever is refused has lost nothing and may repeat, and those who
// were taken are served as fast as ever. Queries and mutations have places and lines apart, so that neither shuts out the
// other.
import { getOperationAST, GraphQLError, OperationTypeNode } from 'graphql';
import type { Logger } from 'pino';
import { UnavailableError } from '../domain/errors.js';
import type { Layer } from './layer.js';
import { CALM_MS } from './limits.js';

export interface GateOptions {
  /** How many are inside at once at most. */
  readonly places: number;
  /** How many wait for a place at most. */
  readonly line: number;
  readonly patienceMs: number;
}

export class Gate {
  readonly #options: GateOptions;
  #inside = 0;
  /** In the order of their coming. */
  readonly #waiting = new Set<() => void>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  get inside(): number {
    return this.#inside;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs `work` when there is a place.
   * @throws UnavailableError where the line is full, or no place has become free in time.
   */
  async pass<Result>(work: () => Promise<Result> | Result): Promise<Result> {
    if (this.#inside < this.#options.places) this.#inside += 1;
    else await this.#queue();
    try {
      return await work();
    } finally {
      // A place is handed on, so that nobody who comes now gets in before those who wait.
      const [next] = this.#waiting;
      if (next) next();
      else this.#inside -= 1;
    }
  }

  #queue(): Promise<void> {
    const { line, patienceMs } = this.#options;
    if (this.#waiting.size >= line) return Promise.reject(new UnavailableError({ reason: 'busy' }));
    return new Promise((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(enter);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        reject(new UnavailableError({ reason: 'busy' }));
      }, patienceMs);
      this.#waiting.add(enter);
    });
  }
}

/** A gate for each kind of operation; subscriptions hold a place only in the log's reader. */
export interface Gates {
  readonly query: Gate;
  readonly mutation: Gate;
}

/** Has every query and mutation pass its gate, by whatever transport it comes. */
export function shedLoad(gates: Gates, log: Logger): Layer {
  const noteRefusal = { query: overload('query', log), mutation: overload('mutation', log) };
  return {
    execute: (execute) => async (args) => {
      const isMutation = getOperationAST(args.document, args.operationName)?.operation === OperationTypeNode.MUTATION;
      const kind = isMutation ? 'mutation' : 'query';
      try {
        return await gates[kind].pass(() => execute(args));
      } catch (error) {
        if (!(error instanceof UnavailableError)) throw error;
        noteRefusal[kind]();
        return { errors: [new GraphQLError(error.message, { originalError: error })] };
      }
    },
  };
}

/** To be called for each who is refused. The log is told when that begins and when it is over: a line for each would be load too. */
function overload(operation: keyof Gates, log: Logger): () => void {
  let refused = 0;
  let calm: NodeJS.Timeout | undefined;
  const end = (): void => {
    log.info({ operation, refused }, 'nobody is refused any more');
    refused = 0;
    calm = undefined;
  };
  return () => {
    if (!calm) log.warn({ operation }, 'more is asked for at once than the server carries: what is beyond is refused');
    refused += 1;
    calm = calm?.refresh() ?? setTimeout(end, CALM_MS).unref();
  };
}
