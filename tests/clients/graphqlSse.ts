// The `graphql-sse` client in distinct connections mode: each subscription is a POST that an event stream answers, and is
// sent again after a loss.
import { createClient } from 'graphql-sse';
import { advance, RETRY, tell, type Connect } from './subscriber.js';

export const graphqlSse: Connect = (url) => {
  const client = createClient({ url, retryAttempts: RETRY.attempts, retry: RETRY.wait });
  return {
    subscribe({ query, variables }, listener) {
      client.subscribe(
        { query, variables },
        {
          next(result) {
            advance(variables, result.data);
            tell(listener, result);
          },
          error: (error) => tell(listener, { errors: [error as Error] }),
          complete: () => listener.completed(),
        },
      );
    },
    [Symbol.asyncDispose]() {
      client.dispose();
      return Promise.resolve();
    },
  };
};
