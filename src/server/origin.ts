// Whom a browser may speak for. A page of another site can make its visitor's browser send requests to the loopback, and
// nothing but what the browser itself says of them tells them apart from the visitor's own: the name that it looked up
// (Host), where the page is from (Origin, Sec-Fetch-Site), and whether it had to ask first (a preflight).
import type { IncomingHttpHeaders } from 'node:http';

/** A request that is not carried out: the status, and a sentence for whoever sent it. */
export interface Refusal {
  readonly status: 400 | 403 | 415;
  readonly message: string;
}

/** What the server is called, and whose pages may call it. */
export interface Neighbourhood {
  /** Names besides those of the loopback, in lower case; null: any. */
  readonly hosts: readonly string[] | null;
  /** Origins besides its own. */
  readonly origins: readonly string[];
}

interface Head {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

// Where nobody has named others, they are a foreign site's that resolve to the loopback: DNS rebinding.
const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];

// A page of another origin cannot set any of these without a preflight, which only those get that are named.
const PREFLIGHTED = ['x-requested-with', 'apollo-require-preflight', 'x-graphql-csrf', 'x-graphql-yoga-csrf'];

/** Whether the request names this server and comes from no page, from one of its own, or from one that is let in. */
export function isForeign(headers: IncomingHttpHeaders, { hosts, origins }: Neighbourhood): boolean {
  const { host = '', origin } = headers;
  const name = host.toLowerCase().replace(/:\d{1,5}$/, '');
  if (hosts !== null && !LOOPBACK.includes(name) && !hosts.includes(name)) return true;
  if (origin !== undefined) {
    return !origins.includes(origin) && (!URL.canParse(origin) || new URL(origin).host !== host.toLowerCase());
  }
  // Requests without CORS tell no Origin.
  const site = headers['sec-fetch-site'] ?? 'none';
  return site !== 'none' && site !== 'same-origin' && headers['sec-fetch-mode'] !== 'navigate';
}

/** Why a GraphQL request is not carried out, or null where it may be. */
export function refusalOf({ method, headers }: Head, neighbourhood: Neighbourhood): Refusal | null {
  if (isForeign(headers, neighbourhood)) {
    return { status: 403, message: 'Only pages of this server may call it, and only under a name of its own.' };
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

/** Whether a browser wants a page to show, as it does when somebody opens the address. */
export function wantsPage({ method, headers: { accept = '' } }: Head): boolean {
  return method === 'GET' && accept.includes('text/html');
}

const GRANTED = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers':
    'authorization, content-type, last-event-id, x-lifeline-project, x-request-id, ' + PREFLIGHTED.join(', '),
  'access-control-max-age': '600',
};

/** What a page of another origin has to be told so that its browser lets it call and read; null where it is not let in. */
export function grantOf({ method, headers }: Head, { origins }: Neighbourhood): Map<string, string> | null {
  const { origin = '' } = headers;
  if (!origins.includes(origin)) return null;
  const answered = {
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'x-request-id, retry-after',
    vary: 'origin',
  };
  return new Map(Object.entries(method === 'OPTIONS' ? { ...answered, ...GRANTED } : answered));
}
