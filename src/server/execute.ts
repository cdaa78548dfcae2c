// Executes operations. A document that comes often is compiled: that costs as much as executing it some dozen times, and from
// then on its rows are told in a fraction of the time. GraphQL's own executor and the compiled document answer alike.
import {
  BREAK,
  execute as interpret,
  getNamedType,
  getOperationAST,
  GraphQLError,
  isInputObjectType,
  isInputType,
  isInterfaceType,
  isObjectType,
  Kind,
  OperationTypeNode,
  typeFromAST,
  visit,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLFormattedError,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLSchema,
  type ListValueNode,
  type NamedTypeNode,
  type ObjectValueNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type Source,
} from 'graphql';
import type * as Compiler from 'graphql-jit';
import { LRUCache } from 'lru-cache';
import { wantsNothingTwice } from '../graphql/loaded.js';

export type Execute = (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult;

const OFTEN = 12;
// A compiled document takes a thousand times the memory of its text.
const CHARACTERS_KEPT = 128 * 1024;
const LONGEST_COMPILED = 4 * 1024;

/** An operation of a document, how often it has come, and whether it has been given to the compiler. */
interface Known {
  uses: number;
  isTried: boolean;
  readonly characters: number;
}

/** An executor that knows the documents of one schema, each by its identity. */
export function executor({ often = OFTEN } = {}): Execute {
  const documents = new WeakMap<DocumentNode, Map<string | null, Known>>();
  const programs = new LRUCache<Known, Compiler.CompiledQuery>({
    maxSize: CHARACTERS_KEPT,
    sizeCalculation: (_program, { characters }) => characters,
    dispose: (_program, known) => Object.assign(known, { uses: 0, isTried: false }),
  });

  return (args) => {
    const { document, operationName = null } = args;
    const operations = documents.get(document) ?? new Map<string | null, Known>();
    documents.set(document, operations);
    const known = operations.get(operationName) ?? {
      uses: 0,
      isTried: false,
      characters: document.loc?.end ?? Infinity,
    };
    operations.set(operationName, known);
    known.uses += 1;
    const program = programs.get(known);
    if (program) return run(program, args);
    if (known.isTried || known.uses < often || known.characters > LONGEST_COMPILED) return interpret(args);
    if (!compiler) {
      void loadCompiler();
      return interpret(args);
    }
    known.isTried = true;
    const compiled = compile(args, compiler);
    if (!compiled) return interpret(args);
    programs.set(known, compiled);
    return run(compiled, args);
  };
}

let compiler: typeof Compiler | null = null;
let loading: Promise<void> | undefined;

/** Has the compiler loaded, which is much code that no start waits for: what comes before that is interpreted. */
export function loadCompiler(): Promise<void> {
  return (loading ??= import('graphql-jit').then((loaded) => void (compiler = loaded)));
}

function compile(
  { schema, document, operationName }: ExecutionArgs,
  { compileQuery, isCompiledQuery }: typeof Compiler,
): Compiler.CompiledQuery | null {
  const operation = getOperationAST(document, operationName);
  const root = operation && schema.getRootType(operation.operation);
  const selectionSet = root && withoutFragments(operation.selectionSet, root, document);
  if (!selectionSet) return null;
  const plain = { ...operation, selectionSet };
  // Where one row is asked twice Pothos has to know where in the document it is, by paths that a compiled one does not share.
  if (!isHarmless(plain, schema) || !wantsNothingTwice({ schema, operation: plain, fragments: {} })) return null;
  const compiled = compileQuery(schema, { kind: Kind.DOCUMENT, definitions: [plain], loc: document.loc }, '', {
    disablingCapturingStackErrors: true,
  });
  return isCompiledQuery(compiled) ? compiled : null;
}

/**
 * Whether the compiler can be trusted with it. It takes certain texts and names for marks of its own and what follows them for
 * code, makes names of paths by underscores, takes an absent variable within an object for null, leaves out the rules of
 * `@oneOf` and of variables by default, and forgets the mutations after one whose arguments are not good.
 */
function isHarmless(operation: OperationDefinitionNode, schema: GraphQLSchema): boolean {
  const isMutation = operation.operation === OperationTypeNode.MUTATION;
  if (isMutation && operation.selectionSet.selections.length > 1) return false;
  const { variableDefinitions = [] } = operation;
  const areKnown = variableDefinitions.every(({ type, defaultValue }) => {
    const named = typeFromAST(schema, type as NamedTypeNode);
    return !defaultValue && !(isInputType(named) && reachesOneOf(named));
  });
  if (!areKnown) return false;
  const required = new Set(
    variableDefinitions.flatMap(({ type, variable }) => (type.kind === Kind.NON_NULL_TYPE ? variable.name.value : [])),
  );
  let isSo = true;
  const refuseWhere = (isBad: boolean): unknown => {
    isSo &&= !isBad;
    return isBad ? BREAK : undefined;
  };
  const refuse = (): unknown => refuseWhere(true);
  // What callers write out in a mutation may be JSON, in which names are texts.
  const inObject = (node: ObjectValueNode | ListValueNode) => {
    visit(node, { Variable: ({ name }) => refuseWhere(!required.has(name.value)) });
    return refuseWhere(isMutation || !isSo);
  };
  visit(operation, {
    Directive: refuse,
    StringValue: refuse,
    ObjectValue: inObject,
    ListValue: inObject,
    EnumValue: ({ value }) => refuseWhere(value.startsWith('_')),
    ObjectField: ({ name }) => refuseWhere(name.value.startsWith('_')),
    Variable: ({ name }) => refuseWhere(name.value.startsWith('_')),
    Field: ({ alias }) => refuseWhere(alias?.value.includes('_') === true),
  });
  return isSo;
}

/** Whether a value of the type may hold an object of which one field has to be given. */
function reachesOneOf(type: GraphQLInputType, met = new Set<GraphQLNamedType>()): boolean {
  const named = getNamedType(type);
  if (!isInputObjectType(named) || met.has(named)) return false;
  met.add(named);
  return named.isOneOf || Object.values(named.getFields()).some((field) => reachesOneOf(field.type, met));
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
      // The compiler leaves notes on the nodes: each has to be of this operation alone.
      fields.push(inner ? { ...selection, selectionSet: inner } : { ...selection });
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

async function run(compiled: Compiler.CompiledQuery, args: ExecutionArgs): Promise<ExecutionResult> {
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
