// The log is read by whoever comes back, ten thousand events at a time. What they mostly ask for, fields that show what an event
// holds, is written out without the steps that GraphQL's executor takes for every field of every event: by a writer that is put
// together once for a document. What it writes is to the letter what the executor's result is written out as, but for blanks,
// the order of members and the digits of numbers in JSON that was read as text. Whatever it does not know, and whatever fails, is left to the executor.
import {
  getOperationAST,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  type DocumentNode,
  type ExecutionArgs,
  type FragmentDefinitionNode,
  type GraphQLField,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { JsonText } from '../domain/jsonText.js';
import { encodeId, ID_PREFIXES, type IdType } from '../domain/id.js';
import type { EventField } from '../store/page.js';

type Row = Readonly<Record<string, unknown>>;
type Write = (value: unknown) => string;
type Field = GraphQLField<unknown, unknown>;

/** What a field's resolver makes of an object that is all it looks at. */
interface Shown {
  /** Of the object. */
  readonly property: string;
  /** Whose that is: of another one nothing is known. */
  readonly resolve: Field['resolve'];
  readonly of: (row: Row) => unknown;
  /** It is another object, of which no more than the id is known. */
  readonly isReference: boolean;
}

/** The objects that an event refers to, whose ids it holds. */
const REFERENCES: Readonly<Record<string, string>> = { session: 'sessionId', run: 'runId' };

const shownBy = new WeakMap<Field, Shown>();

/** Takes note of the fields that only show what their object holds. To be told last, once all resolvers are what they are. */
export function knowShownFields(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    for (const field of Object.values(type.getFields())) {
      const { resolve, name, extensions } = field;
      const { pothosExposedField: property } = extensions;
      const reference = type.name === 'Event' ? REFERENCES[name] : undefined;
      if (reference) {
        const of = ({ [reference]: id }: Row) => (id === null ? null : { id });
        shownBy.set(field, { property: reference, resolve, of, isReference: true });
      } else if (name === 'id' && type.name in ID_PREFIXES) {
        const of = ({ id }: Row) => encodeId(type.name as IdType, id as string);
        shownBy.set(field, { property: 'id', resolve, of, isReference: false });
      } else if (typeof property === 'string') {
        shownBy.set(field, { property, resolve, of: (row) => row[property], isReference: false });
      }
    }
  }
  return schema;
}

interface Writer {
  readonly write: Write;
  /** All that it looks at of an event. */
  readonly fields: readonly EventField[];
}

const writers = new WeakMap<OperationDefinitionNode, Writer | null>();

type Operation = Pick<GraphQLResolveInfo, 'schema' | 'operation' | 'fragments'>;

/** What is asked of the events of a subscription to the log; null where only the executor can say. */
export const fieldsOfEvents = (asked: Operation): readonly EventField[] | null => writerOf(asked)?.fields ?? null;

/** The result of a subscription to the log for a batch, written out; null where only the executor can say what it is. */
export function logText({ schema, document, operationName }: ExecutionArgs, batch: unknown): string | null {
  const operation = getOperationAST(document, operationName);
  if (!operation) return null;
  const known = writers.get(operation);
  const writer = known === undefined ? writerOf({ schema, operation, fragments: fragmentsOf(document) }) : known;
  return writer && attempt(() => writer.write(batch));
}

function writerOf(asked: Operation): Writer | null {
  const known = writers.get(asked.operation);
  if (known !== undefined) return known;
  const writer = attempt(() => new Writing(asked).operation());
  writers.set(asked.operation, writer);
  return writer;
}

function fragmentsOf({ definitions }: DocumentNode): Record<string, FragmentDefinitionNode> {
  const fragments = definitions.filter((it) => it.kind === Kind.FRAGMENT_DEFINITION);
  return Object.fromEntries(fragments.map((fragment) => [fragment.name.value, fragment]));
}

function attempt<Result>(work: () => Result): Result | null {
  try {
    return work();
  } catch {
    return null;
  }
}

function leave(what: string): never {
  throw new Error(`${what} is left to the executor`);
}

/** Puts together what writes the results of one operation. */
class Writing {
  readonly #asked: Operation;
  readonly #fields = new Set<EventField>();

  constructor(asked: Operation) {
    this.#asked = asked;
  }

  operation(): Writer {
    const { schema, operation } = this.#asked;
    const [root, ...others] = operation.selectionSet.selections;
    if (root?.kind !== Kind.FIELD || others.length > 0 || root.directives?.length) leave('the operation');
    const field = schema.getSubscriptionType()?.getFields()[root.name.value];
    if (field?.name !== 'log') leave('another subscription');
    const write = this.#value(field.type, root.selectionSet);
    const start = `{"data":{${JSON.stringify((root.alias ?? root.name).value)}:`;
    return { write: (batch) => `${start}${write(batch)}}}`, fields: [...this.#fields] };
  }

  #value(type: GraphQLOutputType, selectionSet: SelectionSetNode | undefined): Write {
    if (isNonNullType(type)) {
      const write = this.#value(type.ofType, selectionSet);
      return (value) => (value == null ? leave('the lack of a value') : write(value));
    }
    const write = this.#nullable(type, selectionSet);
    return (value) => (value == null ? 'null' : write(value));
  }

  #nullable(type: GraphQLOutputType, selectionSet: SelectionSetNode | undefined): Write {
    if (isLeafType(type)) return leafWriter(type);
    if (isObjectType(type) && selectionSet) return this.#object(type, selectionSet);
    if (!isListType(type)) leave('an abstract type');
    const write = this.#value(type.ofType as GraphQLOutputType, selectionSet);
    return (list) => `[${(list as readonly unknown[]).map(write).join(',')}]`;
  }

  #object(type: GraphQLObjectType, selectionSet: SelectionSetNode): Write {
    const fields = new Map<string, Write>();
    this.#collect(type, selectionSet, fields);
    const writes = Array.from(fields, ([key, write], index) => ({
      start: `${index === 0 ? '{' : ','}${JSON.stringify(key)}:`,
      write,
    }));
    return (row) => {
      let text = '';
      for (const { start, write } of writes) text += start + write(row);
      return `${text}}`;
    };
  }

  #collect(type: GraphQLObjectType, { selections }: SelectionSetNode, fields: Map<string, Write>): void {
    for (const selection of selections) {
      if (selection.directives?.length) leave('a directive');
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value;
        if (fields.has(key) || selection.arguments?.length) leave('a field that is asked for twice, or with arguments');
        fields.set(key, this.#field(type, selection.name.value, selection.selectionSet));
        continue;
      }
      const part = selection.kind === Kind.FRAGMENT_SPREAD ? this.#asked.fragments[selection.name.value] : selection;
      const isOfType = !part?.typeCondition || part.typeCondition.name.value === type.name;
      if (!part || !isOfType || part.directives?.length) leave('a fragment');
      this.#collect(type, part.selectionSet, fields);
    }
  }

  #field(type: GraphQLObjectType, name: string, selectionSet: SelectionSetNode | undefined): Write {
    if (name === '__typename') return () => JSON.stringify(type.name);
    const field = type.getFields()[name];
    const shown = field && shownBy.get(field);
    if (!shown || shown.resolve !== field.resolve) leave('a resolver');
    if (shown.isReference && !asksForIds(selectionSet)) leave('what is not at hand');
    if (type.name === 'Event') this.#fields.add(shown.property as EventField);
    const write = this.#value(field.type, selectionSet);
    return (row) => write(shown.of(row as Row));
  }
}

const asksForIds = (selectionSet: SelectionSetNode | undefined): boolean =>
  selectionSet?.selections.every((it) => it.kind === Kind.FIELD && it.name.value === 'id') ?? false;

// What these are serialized to is written as it is: it holds nothing that JSON escapes.
const QUOTED = new Set(['DateTime']);
const BARE = new Set(['SafeInt', 'Int', 'Boolean']);

function leafWriter(type: GraphQLLeafType): Write {
  const tell = (value: unknown): unknown => type.serialize(value) ?? leave('what cannot be told');
  if (isEnumType(type)) {
    const texts = new Map(type.getValues().map(({ name, value }) => [value as unknown, JSON.stringify(name)]));
    return (value) => texts.get(value) ?? leave('what is no value of the enum');
  }
  if (QUOTED.has(type.name)) return (value) => `"${tell(value) as string}"`;
  if (BARE.has(type.name)) return (value) => String(tell(value));
  return (value) => (value instanceof JsonText ? value.text : JSON.stringify(tell(value)));
}
