// Bounds how many subscriptions a caller has at once, over all transports and connections, and how many one WebSocket
// carries: each is watched by the server.
import type { ExecutionArgs, ExecutionResult } from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { RateLimitedError } from '../domain/errors.js';
import type { Context } from '../graphql/context.js';
import { maskError } from '../graphql/errors.js';
import { Subscription } from './fanout.js';
import { Slots } from './rate.js';

type Subscribe = (args: ExecutionArgs) => Promise<Subscription | ExecutionResult>;

export interface SubscriptionLimits {
  readonly perCaller: number;
  readonly perSocket: number;
}

/** One beyond a limit is answered with RATE_LIMITED; the others go on. */
export function limitSubscriptions({ perCaller, perSocket }: SubscriptionLimits): Plugin<Context> {
  const callers = new Slots(perCaller);
  const sockets = new Slots<object>(perSocket);
  return {
    onSubscribe({ args, subscribeFn, setSubscribeFn }) {
      const subscribe = subscribeFn as Subscribe;
      const { holder, socket, requestId } = args.contextValue;
      setSubscribeFn(async (given: ExecutionArgs) => {
        const taken: (() => void)[] = [];
        const leave = (): void => taken.forEach((giveBack) => giveBack());
        try {
          if (socket) taken.push(sockets.take(socket));
          taken.push(callers.take(holder));
          const result = await subscribe(given);
          if (result instanceof Subscription) result.onClose(leave);
          else leave();
          return result;
        } catch (error) {
          leave();
          if (error instanceof RateLimitedError) return { errors: [maskError(error, requestId)] };
          throw error;
        }
      });
    },
  };
}
