// Operations that are made from the schema: whatever is added to it is asked too.
import {
  getNamedType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  isRequiredInputField,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';

export type RootType = 'Query' | 'Mutation' | 'Subscription';

export interface RootField {
  readonly root: RootType;
  readonly name: string;
  readonly field: GraphQLField<unknown, unknown>;
}

/** Every field of the three root types, in their order. */
export function rootFields(schema: GraphQLSchema): RootField[] {
  const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  return roots
    .filter((type): type is GraphQLObjectType => !!type)
    .flatMap((type) =>
      Object.values(type.getFields()).map((field) => {
        return { root: type.name as RootType, name: field.name, field };
      }),
    );
}

/** The least literal of each scalar. */
export const SCALARS: Readonly<Record<string, string>> = {
  ID: '"unknown"',
  String: '"x"',
  Int: '1',
  Float: '1',
  SafeInt: '0',
  Boolean: 'false',
  JSON: '{}',
  DateTime: '"2026-01-01T00:00:00.000Z"',
};

/** The operation that gives a root field the arguments that it requires, and asks for the least. */
export function leastOperation({ root, name, field }: RootField): string {
  const given = field.args.filter(isRequiredArgument).map((arg) => `${arg.name}: ${literal(arg.type)}`);
  const args = given.length > 0 ? `(${given.join(', ')})` : '';
  const selection = isCompositeType(getNamedType(field.type)) ? ' { __typename }' : '';
  return `${root.toLowerCase()} { ${name}${args}${selection} }`;
}

/** The shortest literal of a type. */
function literal(type: GraphQLInputType): string {
  if (isNonNullType(type)) return literal(type.ofType);
  if (isListType(type)) return `[${literal(type.ofType)}]`;
  if (isEnumType(type)) return type.getValues()[0]?.name ?? '';
  if (!isInputObjectType(type)) return SCALARS[type.name] ?? '';
  const fields = Object.values(type.getFields());
  const given = type.isOneOf ? fields.slice(0, 1) : fields.filter(isRequiredInputField);
  return `{${given.map((field) => `${field.name}: ${literal(field.type)}`).join(', ')}}`;
}
