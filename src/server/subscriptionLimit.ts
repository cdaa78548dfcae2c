// Bounds how many subscriptions a caller has at once, over all transports and connections, and how many one WebSocket
// carries: each is watched by the server.
import { RateLimitedError } from '../domain/errors.js';
import type { Context } from '../graphql/context.js';
import { maskError } from '../graphql/errors.js';
import type { Layer } from './layer.js';
import { Slots } from './rate.js';
import { Subscription } from './subscription.js';

export interface SubscriptionLimits {
  readonly perCaller: number;
  readonly perSocket: number;
}

/** One beyond a limit is answered with RATE_LIMITED; the others go on. */
export function limitSubscriptions({ perCaller, perSocket }: SubscriptionLimits): Layer {
  const callers = new Slots(perCaller);
  const sockets = new Slots<object>(perSocket);
  return {
    subscribe: (subscribe) => async (args) => {
      const { holder, socket, requestId } = args.contextValue as Context;
      const taken: (() => void)[] = [];
      const leave = (): void => taken.forEach((giveBack) => giveBack());
      try {
        if (socket) taken.push(sockets.take(socket));
        taken.push(callers.take(holder));
        const result = await subscribe(args);
        if (result instanceof Subscription) result.onClose(leave);
        else leave();
        return result;
      } catch (error) {
        leave();
        if (error instanceof RateLimitedError) return { errors: [maskError(error, requestId)] };
        throw error;
      }
    },
  };
}
