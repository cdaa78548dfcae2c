// What came with a row by its own statement is told at once. Pothos asks of each row, for each field, by which plan it was
// loaded, since a document may want one relation of a row twice in different ways, of which the statement can bring only one.
// Of a document that wants nothing twice the answer is known beforehand, and it is the same for all rows.
import {
  getNamedType,
  isInterfaceType,
  isObjectType,
  Kind,
  type FieldNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { columnsOfModel } from './builder.js';
import type { Context } from './context.js';

type Row = Readonly<Record<string, unknown>>;
type Resolve = GraphQLFieldResolver<Row, Context, never>;

/** What a field tells that selects by a function: which relation of its row it reads, and when all that it reads is there. */
export interface ReadsRelation<Args> {
  readonly relation: string;
  /** By default where the row has the relation. */
  readonly isLoaded?: (row: object, args: Args, context: Context, info: GraphQLResolveInfo) => boolean;
}

type FieldExtensions = Partial<ReadsRelation<never>> & {
  readonly pothosPrismaSelect?: object | (() => object);
  readonly pothosPrismaRelationField?: { readonly name: string };
  readonly pothosOriginalResolve?: Resolve;
};

const extensionsOf = ({ extensions }: GraphQLField<unknown, unknown>): FieldExtensions => extensions;

/** Has every field that reads a relation of its row take it from the row, where it has been loaded for that. */
export function tellWhatIsLoaded(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || typeof type.extensions.pothosPrismaModel !== 'string') continue;
    for (const field of Object.values(type.getFields())) {
      const { pothosOriginalResolve: tell, isLoaded } = extensionsOf(field);
      const relation = chosenBy(type, field) ?? alwaysReadBy(type, field);
      const load = field.resolve as Resolve | undefined;
      if (relation === undefined || !tell || !load) continue;
      field.resolve = ((row: Row, args: never, context: Context, info: GraphQLResolveInfo): unknown => {
        const isThere = isLoaded ? isLoaded(row, args, context, info) : row[relation] !== undefined;
        return (isThere && wantsNothingTwice(info) ? tell : load)(row, args, context, info);
      }) as GraphQLFieldResolver<unknown, unknown>;
    }
  }
  return schema;
}

/** The relation of which a field selects what its arguments and the document say. */
function chosenBy(type: GraphQLObjectType, field: GraphQLField<unknown, unknown>): string | undefined {
  const { pothosPrismaSelect: select, pothosPrismaRelationField: own, relation = own?.name } = extensionsOf(field);
  if (typeof select !== 'function') return undefined;
  if (relation === undefined) throw new Error(`${type.name}.${field.name} does not tell which relation it reads`);
  return relation;
}

/** The relation that a field selects always in the same way. */
function alwaysReadBy(type: GraphQLObjectType, field: GraphQLField<unknown, unknown>): string | undefined {
  const columns = columnsOfModel(String(type.extensions.pothosPrismaModel));
  return Object.keys(extensionsOf(field).pothosPrismaSelect ?? {}).find((name) => !columns.includes(name));
}

const answers = new WeakMap<OperationDefinitionNode, boolean>();

type Operation = Pick<GraphQLResolveInfo, 'operation' | 'fragments' | 'schema'>;

/** Whether no row of the operation is asked for parts of one relation under two names. */
export function wantsNothingTwice({ operation, fragments, schema }: Operation): boolean {
  const known = answers.get(operation);
  if (known !== undefined) return known;
  const type = schema.getRootType(operation.operation)?.name ?? '';
  const answer = isDistinct([{ type, set: operation.selectionSet }], { schema, fragments });
  answers.set(operation, answer);
  return answer;
}

/** What is selected of rows that may be of a type. */
interface Part {
  readonly type: string;
  readonly set: SelectionSetNode;
}

type Document = Pick<GraphQLResolveInfo, 'schema' | 'fragments'>;

/** Whether it is so of rows of which all these parts are asked, and of all below them. */
function isDistinct(parts: readonly Part[], { schema, fragments }: Document): boolean {
  const below = new Map<string, Part[]>();
  const readers = new Map<string, string>();
  return parts.every(collect) && Array.from(below.values()).every((each) => isDistinct(each, { schema, fragments }));

  function collect({ type: typeName, set }: Part): boolean {
    return set.selections.every((selection) => {
      switch (selection.kind) {
        case Kind.FIELD:
          return take(typeName, selection);
        case Kind.INLINE_FRAGMENT:
          return collect({ type: selection.typeCondition?.name.value ?? typeName, set: selection.selectionSet });
        case Kind.FRAGMENT_SPREAD: {
          const fragment = fragments[selection.name.value];
          return !fragment || collect({ type: fragment.typeCondition.name.value, set: fragment.selectionSet });
        }
      }
    });
  }

  function take(typeName: string, { name: { value: fieldName }, alias, selectionSet: set }: FieldNode): boolean {
    const type = schema.getType(typeName);
    const field = isObjectType(type) || isInterfaceType(type) ? type.getFields()[fieldName] : undefined;
    if (!field || !set) return true;
    const inner = { type: getNamedType(field.type).name, set };
    // Both ways to the entries of a page lead to the same rows, under whatever names.
    if (typeName.endsWith('Edge')) return collect(inner);
    const name = typeName.endsWith('Connection') ? 'entries' : (alias?.value ?? fieldName);
    below.set(name, [...(below.get(name) ?? []), inner]);
    const relation = isObjectType(type) ? chosenBy(type, field) : undefined;
    if (relation === undefined) return true;
    const reader = readers.get(`${typeName}.${relation}`) ?? name;
    readers.set(`${typeName}.${relation}`, reader);
    return reader === name;
  }
}
