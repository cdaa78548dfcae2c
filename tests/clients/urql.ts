// urql's core with its subscription exchange over the `graphql-ws` client.
import { Client, subscriptionExchange } from '@urql/core';
import { persistentSocket } from './graphqlWs.js';
import { advance, tell, type Connect } from './subscriber.js';

export const urql: Connect = (url) => {
  const socket = persistentSocket(url);
  const client = new Client({
    url,
    preferGetMethod: false,
    exchanges: [
      subscriptionExchange({
        forwardSubscription: ({ query = '', variables }) => ({
          subscribe(sink) {
            const kept = { ...variables };
            const next: typeof sink.next = (result) => {
              advance(kept, result.data);
              sink.next(result);
            };
            return { unsubscribe: socket.subscribe({ query, variables: kept }, { ...sink, next }) };
          },
        }),
      }),
    ],
  });
  return {
    subscribe({ query, variables }, listener) {
      client.subscription(query, variables).subscribe(({ data, error, hasNext }) => {
        if (error) tell(listener, { errors: error.graphQLErrors });
        else if (hasNext) tell(listener, { data });
        // The last result comes again, with the news that no other follows.
        else listener.completed();
      });
    },
    async [Symbol.asyncDispose]() {
      await socket.dispose();
    },
  };
};
