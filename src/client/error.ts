import type { GraphQLFormattedError } from 'graphql';

/** What the server refused, or could not do. `code` is the first error's, one of the contract's. */
export class ClientError extends Error {
  override readonly name = 'ClientError';

  constructor(readonly errors: readonly GraphQLFormattedError[]) {
    super(errors.map(({ message }) => message).join('\n'));
  }

  get code(): string {
    return String(this.errors[0]?.extensions?.code);
  }
}

/** No answer came, or none of a GraphQL server: whether the request was carried out is not known. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';

  /** `mayPass`: whether trying again could help. */
  constructor(
    readonly url: string,
    readonly reason: string,
    readonly mayPass: boolean,
  ) {
    super(`No answer came from ${url}: ${reason}.`);
  }
}

const PASSING_CODES = ['UNAVAILABLE', 'RATE_LIMITED'];

/** Whether the same request could succeed a little later. */
export function mayPass(error: unknown): boolean {
  return error instanceof ClientError
    ? PASSING_CODES.includes(error.code)
    : error instanceof ConnectionError && error.mayPass;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 5_000;

/** How long to wait before the next attempt: longer each time, and never quite as long as others who wait too. */
export function pauseAfter(attempt: number): number {
  return Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
}
