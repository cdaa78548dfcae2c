// How the tests see the clients of other people. Each file beside this one sets one up as its users do, so that it goes on by
// itself after a loss: at what it had received last, for ever, and without a long wait.
import { setTimeout as delay } from 'node:timers/promises';

/** The data of a result of a subscription: what it selects of its one field. */
export type Data = Record<string, { position?: number } | null>;

export interface Operation {
  query: string;
  variables: Record<string, unknown>;
}

/** What a client hands over, in whatever form it does. */
export interface Listener {
  next(data: Data): void;
  /** The errors, each with its code. */
  refused(errors: readonly Refusal[]): void;
  completed(): void;
}

export interface Refusal {
  message: string;
  extensions?: Readonly<Record<string, unknown>>;
}

export interface Subscriber extends AsyncDisposable {
  subscribe(operation: Operation, listener: Listener): void;
}

/** From where GraphQL is served over HTTP. */
export type Connect = (url: string) => Subscriber;

/** Hands over a result as it comes from the server. */
export function tell(listener: Listener, { data, errors }: { data?: unknown; errors?: readonly Refusal[] }): void {
  if (errors) listener.refused(errors);
  else listener.next(data as Data);
}

/** Where a subscription with this data goes on; undefined where it has no position. */
export function positionOf(data: unknown): number | undefined {
  const [value] = Object.values((data ?? {}) as Data);
  return value?.position;
}

/** Keeps `after` at what has been received: the clients that repeat their request repeat these variables. */
export function advance(variables: Record<string, unknown>, data: unknown): void {
  variables.after = positionOf(data) ?? variables.after;
}

export const RETRY = { attempts: Infinity, wait: () => delay(50) };
