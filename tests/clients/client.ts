import type { EventSource } from 'eventsource';
import { apollo } from './apollo.js';
import { eventSource } from './eventSource.js';
import { graphqlSse } from './graphqlSse.js';
import { graphqlWs } from './graphqlWs.js';
import type { Connect } from './subscriber.js';
import { urql } from './urql.js';

// From Node 22 on, and only where it is told to have one.
const own = (globalThis as { EventSource?: unknown }).EventSource as typeof EventSource | undefined;

/** Each client by its name. */
export const clients: readonly (readonly [string, Connect])[] = [
  ['graphql-ws', graphqlWs],
  ['graphql-sse', graphqlSse],
  ['Apollo Client', apollo],
  ['urql', urql],
  ['eventsource', eventSource()],
  ...(own ? ([["Node's EventSource", eventSource(own)]] as const) : []),
];
