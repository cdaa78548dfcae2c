import type { Caller, Store } from '../store/store.js';

/** What every resolver knows of its request: where to read and write, and in whose name. */
export interface Context {
  readonly store: Store;
  readonly caller: Caller;
  /** Names the request in the log and in masked errors. */
  readonly requestId: string;
  /** The position of the last durable message that an event stream's client says it has; it wins over `after`. */
  readonly lastEventId?: bigint | null;
}
