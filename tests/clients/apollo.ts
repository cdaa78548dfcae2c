// Apollo Client over its GraphQLWsLink, after a link that keeps the position in the variables of the operation.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, InMemoryCache } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { tap } from 'rxjs';
import { WebSocket } from 'ws';
import { persistentSocket } from './graphqlWs.js';
import { advance, tell, type Connect } from './subscriber.js';

// The link tells a lost socket from a refusal by the global class, which Node has only from version 22 on.
Object.assign(globalThis, { WebSocket: (globalThis as { WebSocket?: unknown }).WebSocket ?? WebSocket });

const resuming = new ApolloLink((operation, forward) =>
  forward(operation).pipe(tap(({ data }) => advance(operation.variables, data))),
);

export const apollo: Connect = (url) => {
  const socket = persistentSocket(url);
  const client = new ApolloClient({
    link: resuming.concat(new GraphQLWsLink(socket)),
    cache: new InMemoryCache(),
  });
  return {
    subscribe({ query, variables }, listener) {
      client.subscribe({ query: gql(query), variables, fetchPolicy: 'no-cache' }).subscribe({
        next: ({ data, error }) => tell(listener, { data, errors: error && refusals(error) }),
        error: (error: Error) => tell(listener, { errors: refusals(error) }),
        complete: () => listener.completed(),
      });
    },
    async [Symbol.asyncDispose]() {
      client.stop();
      await socket.dispose();
    },
  };
};

const refusals = (error: object) => (CombinedGraphQLErrors.is(error) ? error.errors : [error as Error]);
