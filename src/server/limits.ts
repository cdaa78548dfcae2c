// How much one caller may send, and how long a connection may keep the server waiting.
import { REQUEST_MAX_BYTES } from '../domain/limits.js';

/** The body of a request, or a message over a WebSocket; with room for the operation around variables of the full size. */
export const BODY_MAX_BYTES = REQUEST_MAX_BYTES + 64 * 1024;

/** From the opening of a WebSocket to its `connection_init`; beyond it the socket is closed with 4408. */
export const INIT_WAIT_MS = 10_000;

/** Between two signs of life on an idle connection: well below the half minute after which proxies cut one off. */
export const KEEP_ALIVE_MS = 12_000;

/** How long requests under way may take to end once the server closes; what is left then is cut off. */
export const DRAIN_MS = 2_000;

/** How long the database may take to answer, before it counts as out of reach. */
export const PROBE_MS = 2_000;
