// A trivial field on nothing but Yoga.
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { announce } from './peer.js';

const yoga = createYoga({
  schema: createSchema({
    typeDefs: 'type Query { viewer: Viewer! } type Viewer { name: String! }',
    resolvers: { Query: { viewer: () => ({ name: 'local' }) } },
  }),
  logging: false,
});

await announce(
  createServer((request, response) => void yoga(request, response)),
  yoga.graphqlEndpoint,
);
