// What an operation may cost, told from its text, the schema and the sizes among its variables, before anything is
// executed. The cost is the number of values that the answer can hold: lists count as often as they may have entries, and
// a few fields more than once, because the database works for them. A statement that is the same for all rows of a list
// counts once. What `@skip` and `@include` leave out counts too.
import {
  getNamedType,
  getNullableType,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  Kind,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  type DefinitionNode,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import { PAGE_DEFAULT_SIZE, PAGE_MAX_SIZE } from '../domain/limits.js';
import {
  ASSUMED_SIZE,
  DOCUMENTS,
  SEARCH_COST,
  SEARCHED,
  SIZE_ARGUMENTS,
  SIZES,
  readsPage,
  STATEMENTS,
  WEIGHED,
  weightOf,
} from './weight.js';

/** Counted as if every fragment were written out wherever it is spread. Beyond 2^53 they stay there. */
export interface Counts {
  /** How many fields enclose the innermost one, itself included. */
  readonly depth: number;
  readonly fields: number;
  readonly aliases: number;
  readonly directives: number;
  readonly cost: number;
}

type Executable = OperationDefinitionNode | FragmentDefinitionNode;

/** Of the cost, `once` is what no list multiplies, and `documents` what the object's own documents add to it. */
interface Tally extends Counts {
  readonly once: number;
  readonly documents: number;
}

const NOTHING: Tally = { depth: 0, fields: 0, aliases: 0, directives: 0, cost: 0, once: 0, documents: 0 };
/** For an object that has an id: a row of the database is read for it. */
const ROW_COST = 1;

/** The counts of a definition, each kept for the next time they are asked for. Any document will do, valid or not. */
export class Analysis {
  readonly #fragments: ReadonlyMap<string, FragmentDefinitionNode>;
  /** By the name of a fragment and the size of the page that it is part of. Bounds the work: no fragment is walked twice. */
  readonly #spread = new Map<string, Tally>();

  constructor(
    private readonly schema: GraphQLSchema,
    document: DocumentNode,
    /** How many entries a variable asks for; undefined where it says nothing of that. */
    private readonly sizeOf: (variable: string) => number | undefined,
  ) {
    const fragments = document.definitions.filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION);
    this.#fragments = new Map(fragments.map((fragment) => [fragment.name.value, fragment]));
  }

  of(definition: Executable): Counts {
    const { once, documents, ...counts } = this.#selectionSet(
      definition.selectionSet,
      this.#typeOf(definition),
      undefined,
    );
    const directives = add(counts.directives, definition.directives?.length ?? 0);
    return { ...counts, directives, cost: add(add(counts.cost, documents), once) };
  }

  #typeOf(definition: Executable): GraphQLNamedType | undefined {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) return this.schema.getType(definition.typeCondition.name.value);
    return this.schema.getRootType(definition.operation) ?? undefined;
  }

  /** `page`: how many entries the lists right in this selection have, where an argument above them says so. */
  #selectionSet(set: SelectionSetNode, type: GraphQLNamedType | undefined, page: number | undefined): Tally {
    return set.selections.reduce((sum, selection) => {
      const counts = this.#selection(selection, type, page);
      const directives = add(counts.directives, selection.directives?.length ?? 0);
      return {
        depth: Math.max(sum.depth, counts.depth),
        fields: add(sum.fields, counts.fields),
        aliases: add(sum.aliases, counts.aliases),
        directives: add(sum.directives, directives),
        cost: add(sum.cost, counts.cost),
        once: add(sum.once, counts.once),
        documents: add(sum.documents, counts.documents),
      };
    }, NOTHING);
  }

  #selection(selection: SelectionNode, type: GraphQLNamedType | undefined, page: number | undefined): Tally {
    switch (selection.kind) {
      case Kind.FIELD:
        return this.#field(selection, type, page);
      case Kind.INLINE_FRAGMENT: {
        const condition = selection.typeCondition;
        const narrowed = condition ? this.schema.getType(condition.name.value) : type;
        return this.#selectionSet(selection.selectionSet, narrowed, page);
      }
      case Kind.FRAGMENT_SPREAD:
        return this.#spreading(selection.name.value, page);
    }
  }

  #spreading(name: string, page: number | undefined): Tally {
    const key = `${name} ${page}`;
    const known = this.#spread.get(key);
    if (known) return known;
    const fragment = this.#fragments.get(name);
    if (!fragment) return NOTHING;
    // A fragment within itself counts for nothing: such a document is not valid, and is refused for that.
    this.#spread.set(key, NOTHING);
    const counts = this.#selectionSet(fragment.selectionSet, this.#typeOf(fragment), page);
    this.#spread.set(key, counts);
    return counts;
  }

  #field(node: FieldNode, parent: GraphQLNamedType | undefined, page: number | undefined): Tally {
    const definition = parent && fieldOf(parent, node.name.value);
    const coordinate = `${parent?.name}.${node.name.value}`;
    const size = (definition && this.#sizeArgument(node, definition)) ?? SIZES.get(coordinate);
    const type = definition && getNamedType(definition.type);
    const isList = definition !== undefined && isListType(getNullableType(definition.type)) && isCompositeType(type);
    const inner = node.selectionSet ? this.#selectionSet(node.selectionSet, type, isList ? undefined : size) : NOTHING;
    const times = isList ? (size ?? page ?? ASSUMED_SIZE) : 1;
    const own = add(isRow(type) ? ROW_COST : 0, WEIGHED.has(coordinate) ? 0 : inner.documents);
    const each = add(inner.cost, own);
    const isOwnSchema = type?.name.startsWith('__');
    return {
      depth: inner.depth + 1,
      fields: add(inner.fields, 1),
      aliases: add(inner.aliases, node.alias ? 1 : 0),
      directives: inner.directives,
      cost: add(
        add(weightOf(coordinate), readsPage(coordinate) ? (page ?? 0) : 0),
        isOwnSchema ? 0 : multiply(times, isList ? add(each, 1) : each),
      ),
      documents: DOCUMENTS.get(coordinate) ?? 0,
      once: add(inner.once, (STATEMENTS.get(coordinate) ?? 0) + (maySearch(coordinate, node) ? SEARCH_COST : 0)),
    };
  }

  /** The largest of the sizes that are given, or the default; undefined for a field that takes none. */
  #sizeArgument(node: FieldNode, definition: GraphQLField<unknown, unknown>): number | undefined {
    const taken = definition.args.filter(({ name }) => SIZE_ARGUMENTS.includes(name));
    if (taken.length === 0) return undefined;
    const sizes = taken.map(({ name }) => {
      const given = node.arguments?.find((argument) => argument.name.value === name);
      if (!given) return undefined;
      return given.value.kind === Kind.VARIABLE ? this.sizeOf(given.value.name.value) : sizeOfLiteral(given.value);
    });
    const known = sizes.filter((size) => size !== undefined);
    return known.length > 0 ? Math.max(...known) : PAGE_DEFAULT_SIZE;
  }
}

/** How many entries a literal asks for; undefined where it says nothing of that. */
export function sizeOfLiteral(value: ValueNode): number | undefined {
  if (value.kind === Kind.LIST) return bounded(value.values.length);
  return value.kind === Kind.INT ? bounded(Number(value.value)) : undefined;
}

/** How many entries the value of a variable asks for; undefined where it says nothing of that. */
export function sizeOfVariable(value: unknown): number | undefined {
  if (Array.isArray(value)) return bounded(value.length);
  return typeof value === 'number' ? bounded(value) : undefined;
}

export const isExecutable = (definition: DefinitionNode): definition is Executable =>
  definition.kind === Kind.OPERATION_DEFINITION || definition.kind === Kind.FRAGMENT_DEFINITION;

// More than the most is refused by the field itself, which names the argument.
const bounded = (size: number): number => Math.min(Math.max(Math.ceil(size) || 0, 0), PAGE_MAX_SIZE);

const add = (one: number, other: number): number => Math.min(one + other, Number.MAX_SAFE_INTEGER);
const multiply = (one: number, other: number): number => Math.min(one * other, Number.MAX_SAFE_INTEGER);

function isRow(type: GraphQLNamedType | undefined): boolean {
  if (isInterfaceType(type)) return type.name === 'Node';
  return isObjectType(type) && type.getInterfaces().some(({ name }) => name === 'Node');
}

/** A filter in a variable may hold anything. */
function maySearch(coordinate: string, { arguments: given = [] }: FieldNode): boolean {
  const filter = SEARCHED.has(coordinate) ? given.find(({ name }) => name.value === 'filter')?.value : undefined;
  if (filter?.kind !== Kind.OBJECT) return filter?.kind === Kind.VARIABLE;
  return filter.fields.some(({ name }) => name.value === 'search');
}

const META_FIELDS = new Map(
  [SchemaMetaFieldDef, TypeMetaFieldDef, TypeNameMetaFieldDef].map((field) => [field.name, field]),
);

function fieldOf(type: GraphQLNamedType, name: string): GraphQLField<unknown, unknown> | undefined {
  const own = isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
  return own ?? META_FIELDS.get(name);
}
