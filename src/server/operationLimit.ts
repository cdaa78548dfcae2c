// Refuses operations that cost too much before they are validated, let alone executed, by whatever transport they come.
import {
  getOperationAST,
  GraphQLError,
  parse,
  type DocumentNode,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql';
import { LRUCache } from 'lru-cache';
import { QueryTooCostlyError, type CostRule } from '../domain/errors.js';
import { Analysis, isExecutable, sizeOfLiteral, sizeOfVariable, type Counts } from './cost.js';
import type { Layer, Phases, Sent } from './layer.js';

/** What a single operation may come to, by rule. */
export type OperationLimits = Readonly<Record<CostRule, number>>;

// Programs send a few documents again and again, each with a few sizes of its lists. A document that was made for it takes
// two hundred times the memory of its text.
const CHARACTERS_KEPT = 512 * 1024;
const LONGEST_KEPT = 16 * 1024;
const COUNTS_KEPT = 32;

/** Refuses what costs too much before it is validated. What is valid once is so for good. */
export function limitOperations(schema: GraphQLSchema, limits: OperationLimits): Layer {
  const measured = new WeakMap<DocumentNode, Measurements>();
  const valid = new WeakSet<DocumentNode>();
  return {
    validate: (validate) => (document, asked) => {
      const measurements = measured.get(document) ?? new Measurements(schema, document);
      measured.set(document, measurements);
      // The rules of validation compare every two fields: what has too many of them must not come that far.
      refuse(measurements.of(asked.params), limits);
      if (valid.has(document)) return [];
      const errors = validate(document, asked);
      if (errors.length === 0) valid.add(document);
      return errors;
    },
  };
}

/** Reads documents, and keeps those that come often. What is wrong or very long is read anew, and takes no memory. */
export function reader(maxTokens: number): Phases['parse'] {
  const documents = new LRUCache<string, DocumentNode>({
    maxSize: CHARACTERS_KEPT,
    maxEntrySize: LONGEST_KEPT,
    sizeCalculation: (_document, text) => text.length,
  });
  return (text) => {
    const known = documents.get(text);
    if (known) return known;
    const document = parsed(text, maxTokens);
    documents.set(text, document);
    return document;
  };
}

function parsed(text: string, maxTokens: number): DocumentNode {
  try {
    return parse(text, { maxTokens });
  } catch (error) {
    return refuseLong(error, maxTokens);
  }
}

/** The counts of one document, kept by the sizes of the lists that its variables decide. */
class Measurements {
  readonly #known = new Map<string, Counts>();
  /** The variables that say how long a list is: all of them, once the document has been counted. */
  readonly #sizeVariables = new Set<string>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly document: DocumentNode,
  ) {}

  /** The most that any part of the document comes to; the cost is that of the operation which is asked for. */
  of({ operationName, variables }: Sent): Counts {
    const operation = getOperationAST(this.document, operationName) ?? undefined;
    const sizeOf = (name: string) => sizeOfVariable(variables?.[name]) ?? defaultSize(operation, name);
    const name = operationName == null ? '' : `:${operationName}`;
    const keyOf = () => `${Array.from(this.#sizeVariables, sizeOf).join()} ${name}`;
    const known = this.#known.get(keyOf());
    if (known) return known;
    const counts = this.#count(operation, sizeOf);
    if (this.#known.size === COUNTS_KEPT) this.#known.clear();
    this.#known.set(keyOf(), counts);
    return counts;
  }

  #count(operation: OperationDefinitionNode | undefined, sizeOf: (name: string) => number | undefined): Counts {
    const analysis = new Analysis(this.schema, this.document, (name) => {
      this.#sizeVariables.add(name);
      return sizeOf(name);
    });
    const parts = this.document.definitions.filter(isExecutable).map((definition) => analysis.of(definition));
    const most = (rule: keyof Counts) => parts.reduce((sofar, part) => Math.max(sofar, part[rule]), 0);
    return {
      depth: most('depth'),
      fields: most('fields'),
      aliases: most('aliases'),
      directives: most('directives'),
      cost: operation ? analysis.of(operation).cost : 0,
    };
  }
}

function defaultSize(operation: OperationDefinitionNode | undefined, name: string): number | undefined {
  const definition = operation?.variableDefinitions?.find(({ variable }) => variable.name.value === name);
  return definition?.defaultValue && sizeOfLiteral(definition.defaultValue);
}

function refuse(counts: Counts, limits: OperationLimits): void {
  for (const rule of ['depth', 'aliases', 'directives', 'fields', 'cost'] as const) {
    const [limit, actual] = [limits[rule], counts[rule]];
    if (actual > limit) throw new QueryTooCostlyError({ rule, limit, actual });
  }
}

/** The parser stops at the limit: how many tokens there are beyond it nobody counts. */
function refuseLong(error: unknown, limit: number): never {
  if (!(error instanceof GraphQLError && error.message.includes(`${limit} tokens`))) throw error;
  throw new QueryTooCostlyError({ rule: 'tokens', limit, actual: limit + 1 });
}
