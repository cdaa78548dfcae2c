// The `graphql-ws` client with its own retries, which send the payload of each subscription again.
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { advance, RETRY, tell, type Connect } from './subscriber.js';

/** A client that comes back after every loss, a server that cannot be reached included. */
export const persistentSocket = (url: string): Client =>
  createClient({
    url: url.replace(/^http/, 'ws'),
    webSocketImpl: WebSocket,
    retryAttempts: RETRY.attempts,
    retryWait: RETRY.wait,
    shouldRetry: () => true,
  });

export const graphqlWs: Connect = (url) => {
  const client = persistentSocket(url);
  return {
    subscribe({ query, variables }, listener) {
      client.subscribe(
        { query, variables },
        {
          next(result) {
            advance(variables, result.data);
            tell(listener, result);
          },
          error: (errors) => tell(listener, { errors: errors as [] }),
          complete: () => listener.completed(),
        },
      );
    },
    async [Symbol.asyncDispose]() {
      await client.dispose();
    },
  };
};
