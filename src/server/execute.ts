// Executes operations. A document that comes often is compiled: that costs as much as executing it some dozen times, and from
// then on its rows are told in a fraction of the time. GraphQL's own executor and the compiled document answer alike.
import {
  BREAK,
  execute as interpret,
  getNamedType,
  getOperationAST,
  GraphQLError,
  isInterfaceType,
  isObjectType,
  Kind,
  visit,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLFormattedError,
  type GraphQLNamedType,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type Source,
} from 'graphql';
import { compileQuery, isCompiledQuery, type CompiledQuery } from 'graphql-jit';
import type { Plugin } from 'graphql-yoga';
import { LRUCache } from 'lru-cache';
import { wantsNothingTwice } from '../graphql/loaded.js';

export type Execute = (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult;

const OFTEN = 12;
/** A compiled document takes as much memory as ten that are not. */
const COMPILED_MAX = 500;

/** An operation of a document, and how often it has come. */
interface Known {
  uses: number;
}

/** An executor that knows the documents of one schema, each by its identity. */
export function executor({ often = OFTEN } = {}): Execute {
  const documents = new WeakMap<DocumentNode, Map<string | null, Known>>();
  const programs = new LRUCache<Known, CompiledQuery>({
    max: COMPILED_MAX,
    dispose: (_program, known) => (known.uses = 0),
  });

  return (args) => {
    const { document, operationName = null } = args;
    const operations = documents.get(document) ?? new Map<string | null, Known>();
    documents.set(document, operations);
    const known = operations.get(operationName) ?? { uses: 0 };
    operations.set(operationName, known);
    known.uses += 1;
    const program = programs.get(known) ?? (known.uses === often ? compile(args) : null);
    if (!program) return interpret(args);
    programs.set(known, program);
    return run(program, args);
  };
}

function compile({ schema, document, operationName }: ExecutionArgs): CompiledQuery | null {
  const operation = getOperationAST(document, operationName);
  const root = operation && schema.getRootType(operation.operation);
  const selectionSet = root && withoutFragments(operation.selectionSet, root, document);
  if (!selectionSet) return null;
  const plain = { ...operation, selectionSet };
  // Where one row is asked twice Pothos has to know where in the document it is, by paths that a compiled one does not share.
  if (!isHarmless(plain) || !wantsNothingTwice({ schema, operation: plain, fragments: {} })) return null;
  const compiled = compileQuery(schema, { kind: Kind.DOCUMENT, definitions: [plain], loc: document.loc }, '', {
    disablingCapturingStackErrors: true,
  });
  return isCompiledQuery(compiled) ? compiled : null;
}

/**
 * Whether nothing that a caller has written can become a part of the program: the compiler takes certain texts for marks of its
 * own and what follows them for code, and makes names of paths by underscores, so that two paths may come to one name.
 */
function isHarmless(operation: OperationDefinitionNode): boolean {
  let isSo = true;
  const refuse = (): typeof BREAK => {
    isSo = false;
    return BREAK;
  };
  visit(operation, {
    StringValue: refuse,
    Field: ({ alias }) => (alias?.value.includes('_') ? refuse() : undefined),
    Variable: ({ name }) => (name.value.startsWith('_') ? refuse() : undefined),
  });
  return isSo;
}

/**
 * The same with the fields of fragments in their places: the compiler tells the fields of several fragments in another order.
 * Null where one is for some of the objects only, or sometimes.
 */
function withoutFragments(
  { selections, ...set }: SelectionSetNode,
  type: GraphQLNamedType | undefined,
  document: DocumentNode,
): SelectionSetNode | null {
  const fields: FieldNode[] = [];
  for (const selection of selections) {
    if (selection.kind === Kind.FIELD) {
      const inner =
        selection.selectionSet && withoutFragments(selection.selectionSet, typeOf(selection, type), document);
      if (inner === null) return null;
      fields.push(inner ? { ...selection, selectionSet: inner } : selection);
      continue;
    }
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : fragmentOf(selection.name.value, document);
    const isForAll = !fragment?.typeCondition || fragment.typeCondition.name.value === type?.name;
    const inner = isForAll && fragment && withoutFragments(fragment.selectionSet, type, document);
    if (!inner || (selection.directives ?? []).length > 0) return null;
    fields.push(...(inner.selections as FieldNode[]));
  }
  return { ...set, selections: fields };
}

function typeOf({ name }: FieldNode, parent: GraphQLNamedType | undefined): GraphQLNamedType | undefined {
  const field = isObjectType(parent) || isInterfaceType(parent) ? parent.getFields()[name.value] : undefined;
  return field && getNamedType(field.type);
}

function fragmentOf(name: string, { definitions }: DocumentNode): FragmentDefinitionNode | undefined {
  return definitions.find(
    (definition): definition is FragmentDefinitionNode =>
      definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name,
  );
}

async function run(compiled: CompiledQuery, args: ExecutionArgs): Promise<ExecutionResult> {
  const { document, rootValue, contextValue, variableValues } = args;
  const result = (await compiled.query(rootValue, contextValue, variableValues)) as ExecutionResult;
  if (!result.errors) return result;
  // Variables that it will not have: nothing has been executed, and GraphQL itself says what is wrong with them.
  if (!('data' in result)) return interpret(args);
  const errors = result.errors.map((error) => located(error, document.loc?.source));
  return { errors, data: result.data };
}

/** The error as GraphQL itself makes it: with the source that its locations are of. */
function located({ message, path, locations, originalError }: GraphQLError, source: Source | undefined): GraphQLError {
  const positions = source && locations?.map((location) => positionOf(location, source.body));
  return new GraphQLError(message, { source, positions, path, originalError });
}

type Location = NonNullable<GraphQLFormattedError['locations']>[number];

function positionOf({ line, column }: Location, text: string): number {
  const lines = text.split(/(?<=\r\n|[\n\r])(?!(?<=\r)\n)/);
  return lines.slice(0, line - 1).reduce((sum, { length }) => sum + length, column - 1);
}

/** Has an executor execute queries and mutations. */
export const executeBy = (execute: Execute): Plugin => ({ onExecute: ({ setExecuteFn }) => setExecuteFn(execute) });
