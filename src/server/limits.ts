// How much one caller may send, and how long a connection may keep the server waiting.
import type { CostRule } from '../domain/errors.js';
import { REQUEST_MAX_BYTES } from '../domain/limits.js';

/** The body of a request, or a message over a WebSocket; with room for the operation around variables of the full size. */
export const BODY_MAX_BYTES = REQUEST_MAX_BYTES + 64 * 1024;

/** From the opening of a WebSocket to its `connection_init`; beyond it the socket is closed with 4408. */
export const INIT_WAIT_MS = 10_000;

/** Between two signs of life on an idle connection: well below the half minute after which proxies cut one off. */
export const KEEP_ALIVE_MS = 12_000;

/** When the client of an event stream is to come back after a loss, give or take a half. */
export const COME_BACK_MS = 500;

/** How long requests under way may take to end once the server closes; what is left then is cut off. */
export const DRAIN_MS = 2_000;

/** From how long on an operation is worth a line of the log. */
export const SLOW_MS = 1_000;

/** For how long an answer about health is given again. */
export const HEALTH_FRESH_MS = 250;

/**
 * What one process carries at once, with that many database connections for reads and as many for writes. Some operations for
 * each, so that none waits for work while others are read and answered, and no more: who has been let in and waits for a
 * connection is not refused any more, only slow. Heartbeats wait for none: all that are inside are one statement.
 */
export function loadOf(connections: number) {
  const gate = { places: 6 * connections, line: 128, patienceMs: 1_000 };
  return { query: gate, mutation: gate };
}

/** For how long nobody has been refused, when an overload is over. */
export const CALM_MS = 3_000;

/** How long subscribers may take, once the server closes, for what was committed before. */
export const SETTLE_MS = 500;

/** How long traces that are left may take, once the server closes, to be sent. */
export const FLUSH_MS = 500;

/** How long the database may take to answer, before it counts as out of reach. */
export const PROBE_MS = 2_000;

/**
 * What a single operation may come to, besides its cost, which is for the configuration to say. The introspection of the tools
 * has 190 tokens and 230 fields at depth 15; a page of 50 sessions with chains, families and last events costs about 10,000.
 */
export const OPERATION_LIMITS: Readonly<Record<Exclude<CostRule, 'cost'>, number>> = {
  tokens: 5_000,
  depth: 20,
  fields: 500,
  aliases: 30,
  directives: 50,
};

/**
 * How much one caller may ask for, counted in each process by itself: shares of it would refuse whoever has one connection, which
 * is with one process, long before the number that was configured. A caller is a key, a bearer of tokens, or all who need no
 * credential.
 */
export interface Allowance {
  /** Operations that a caller may begin, on average; some seconds' worth of them at once. */
  readonly ratePerSecond: number;
  /** What a single operation may cost. */
  readonly maxCost: number;
  readonly maxSubscriptions: number;
  readonly maxSocketSubscriptions: number;
  readonly maxSockets: number;
  readonly maxAddressSockets: number;
}

/** How many seconds' worth of its operations a caller may begin at once, after a pause as long. */
export const BURST_SECONDS = 5;

/**
 * How many credentials that are no good one address may bring in a second, and how many at once: far more than mistakes come
 * to, and so few that looking them up holds up nobody.
 */
export const REFUSALS = { perSecond: 20, burst: 200 } as const;

/** How long a statement may run for a request: beyond it the request fails with UNAVAILABLE. */
export const STATEMENT_MAX_MS = 10_000;

/** After its start a server loads what it need not have for the first answers. */
export const WARM_UP_MS = 500;
