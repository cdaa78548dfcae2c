import type { IncomingHttpHeaders } from 'node:http';
import type { Caller, Store } from '../store/store.js';

/** What every resolver knows of its request: where to read and write, and in whose name. */
export interface Context {
  readonly store: Store;
  readonly caller: Caller;
  /** Names the credential that the request came with: what it asks for counts against that. */
  readonly holder: string;
  /** The WebSocket that the request came by, where it came by one. */
  readonly socket?: object;
  /** Names the request in the log and in masked errors. */
  readonly requestId: string;
  /** Of the request, where it came by HTTP. */
  readonly headers?: IncomingHttpHeaders;
  /** The position of the last durable message that an event stream's client says it has; it wins over `after`. */
  readonly lastEventId?: bigint | null;
  /** Where a subscription leaves the position of what it delivers, for event streams to name it by. */
  readonly delivery?: Delivery;
}

/** The last durable message of one operation; null before it, and where what it delivers is not durable. */
export interface Delivery {
  position: bigint | null;
}

/** What a durable subscription delivers at a position of the log. */
export function delivered<Value>({ delivery }: Context, position: bigint, value: Value): Value {
  if (delivery) delivery.position = position;
  return value;
}
