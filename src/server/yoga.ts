// What serves the requests that are not plain. It is as much code as the rest of the server, and no start waits for it.
import type { GraphQLSchema } from 'graphql';
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga';
import type { Logger } from 'pino';
import type { Context } from '../graphql/context.js';
import { disclose } from './failure.js';
import { phasesOfYoga, type Phases } from './layer.js';
import { BODY_MAX_BYTES } from './limits.js';
import { PATH } from './path.js';

/** Serves HTTP; the context of each operation comes with its request. */
export type Yoga = YogaServerInstance<Context, object>;

interface Parts {
  readonly schema: GraphQLSchema;
  readonly phases: Phases;
  readonly plugins: readonly Plugin[];
  readonly log: Logger;
}

export function yogaOf({ schema, phases, plugins, log }: Parts): Yoga {
  return createYoga<Context>({
    schema,
    graphqlEndpoint: PATH,
    plugins: [phasesOfYoga(phases), ...plugins],
    parserAndValidationCache: false,
    maskedErrors: { maskError: (error) => disclose(error, log) },
    maxRequestBodySize: BODY_MAX_BYTES,
    graphiql: false,
    landingPage: false,
    // Yoga grants every Origin unless told otherwise, and reads uploads, which any page can send.
    cors: false,
    multipart: false,
    // It takes its callers' mistakes for errors; ours are logged by `disclose`.
    logging: false,
  });
}
