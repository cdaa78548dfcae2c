// A list whose items fail in two ways, one at once and one later, is answered by the executor with the first failure alone: the
// promises of the other items are left to nobody, and to reject unheard would end the process. So no resolver throws: what it
// throws is a rejection, which the executor hears of every item.
import { isObjectType, type GraphQLFieldResolver, type GraphQLSchema } from 'graphql';

type Resolve = GraphQLFieldResolver<unknown, unknown>;

/** Has every resolver of the schema reject where it would throw. */
export function rejectWhatThrows(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      if (field.resolve) field.resolve = rejecting(field.resolve);
    }
  }
  return schema;
}

function rejecting(resolve: Resolve): Resolve {
  return (source, args, context, info) => {
    try {
      return resolve(source, args, context, info);
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  };
}
