// Whom a browser may speak for. A page of another site can make its visitor's browser send requests to the loopback, and
// nothing but what the browser itself says of them tells them apart from the visitor's own: the name that it looked up
// (Host), where the page is from (Origin, Sec-Fetch-Site), and whether it had to ask first (a preflight).
import type { IncomingHttpHeaders } from 'node:http';

/** A request that is not carried out: the status, and a sentence for whoever sent it. */
export interface Refusal {
  readonly status: 400 | 403 | 415;
  readonly message: string;
}

interface Head {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

// Other names for the loopback are a foreign site's that resolve to it: DNS rebinding.
const LOOPBACK = /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i;

// A page of another origin cannot set any of these without a preflight, which is never granted.
const PREFLIGHTED = ['x-requested-with', 'apollo-require-preflight', 'x-graphql-csrf', 'x-graphql-yoga-csrf'];

/** Whether the request names this server and comes from no page or from one of its own. */
export function isForeign(headers: IncomingHttpHeaders): boolean {
  const { host = '', origin } = headers;
  if (!LOOPBACK.test(host)) return true;
  if (origin !== undefined) return !URL.canParse(origin) || new URL(origin).host !== host.toLowerCase();
  // Requests without CORS tell no Origin.
  const site = headers['sec-fetch-site'] ?? 'none';
  return site !== 'none' && site !== 'same-origin' && headers['sec-fetch-mode'] !== 'navigate';
}

/** Why a GraphQL request is not carried out, or null where it may be. */
export function refusalOf({ method, headers }: Head): Refusal | null {
  if (isForeign(headers)) {
    return { status: 403, message: 'Only pages of this server may call it, and only under a name of the loopback.' };
  }
  if (method === 'POST') return refusalOfBody(headers);
  if (method === 'GET' && !isPreflighted(headers) && !isReading(headers)) {
    const message = `A GET request needs the header ${PREFLIGHTED.join(' or ')}: any page could send it without.`;
    return { status: 400, message };
  }
  return null;
}

function refusalOfBody(headers: IncomingHttpHeaders): Refusal | null {
  const { 'content-type': type = '', 'content-encoding': encoding = 'identity' } = headers;
  // Forms and plain text are what any page can send.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    return { status: 415, message: 'The body has to be JSON, under the content type application/json.' };
  }
  if (encoding !== 'identity') {
    return { status: 415, message: 'The body must not be compressed.' };
  }
  return null;
}

const isPreflighted = (headers: IncomingHttpHeaders): boolean => PREFLIGHTED.some((name) => name in headers);

/** A browser that opens GraphiQL, or an EventSource: it cannot set headers, and a foreign one has told its Origin or site. */
function isReading({ accept = '' }: IncomingHttpHeaders): boolean {
  return accept.includes('text/html') || accept.includes('text/event-stream');
}
