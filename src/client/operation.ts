// The typed operations of this folder's .graphql files, and the types of the schema that they touch.
export * from '../generated/client/graphql.js';
