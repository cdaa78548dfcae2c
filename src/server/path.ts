/** Of GraphQL, over every transport. */
export const PATH = '/graphql';

/** Where GraphQL is at an origin. */
export const graphqlAt = (origin: string): string => `${origin}${PATH}`;
