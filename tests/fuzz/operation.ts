// Random operations that are valid by the schema: what they are given is of the right type, and often of no sense.
import {
  getNamedType,
  isAbstractType,
  isCompositeType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isRequiredArgument,
  OperationTypeNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  type GraphQLSchema,
} from 'graphql';
import type { Operation } from '../support/wire.js';
import type { Chance } from './chance.js';

const DEPTH_MAX = 4;
const FIELDS_MAX = 4;
// Small pages: it is not the limits on cost that are looked for.
const PAGE_MAX = 5;
const WORDS = [
  'ada',
  'bob',
  'lead',
  'slack',
  'C1',
  'team-PS-abc123',
  'main',
  '',
  'ä\n"\\',
  '𝒳',
  'sk-0123456789abcdefghij',
];

export class Operations {
  /** Ids that answers have named, for what follows to be about. */
  readonly #ids: string[] = [];

  constructor(
    readonly schema: GraphQLSchema,
    readonly chance: Chance,
  ) {}

  /** Keeps the ids of an answer. */
  learn(text: string): void {
    for (const [id] of text.matchAll(/\b[a-z]{2,4}_[0-7][0-9a-z]{25}\b/g)) this.#ids.push(id);
    if (this.#ids.length > 500) this.#ids.splice(0, 100);
  }

  next(): Operation {
    const kind = this.chance.is(0.5) ? OperationTypeNode.QUERY : OperationTypeNode.MUTATION;
    return this.#operation(kind, this.chance.is(0.8) ? 1 : 2);
  }

  nextSubscription(): Operation {
    return this.#operation(OperationTypeNode.SUBSCRIPTION, 1);
  }

  #operation(kind: OperationTypeNode, length: number): Operation {
    const { chance, schema } = this;
    const root = schema.getRootType(kind);
    if (!root) throw new Error(`the schema has no ${kind}`);
    const variables = new Variables(this);
    const fields = Object.values(root.getFields());
    const chosen = Array.from({ length }, (_, index) => {
      return `f${index}: ${this.#field(chance.pick(fields), variables, 1)}`;
    });
    const head = variables.declared.length > 0 ? `(${variables.declared.join(', ')})` : '';
    return { query: `${kind} ${head} { ${chosen.join(' ')} }`, variables: variables.values };
  }

  #field(field: GraphQLField<unknown, unknown>, variables: Variables, depth: number): string {
    const given = field.args.filter((arg) => isRequiredArgument(arg) || arg.name === 'first' || this.chance.is(0.4));
    // A page goes one way.
    const sensible = given.filter(({ name }) => name !== 'last' && name !== 'before');
    const args = sensible.map((arg) => `${arg.name}: $${variables.declare(arg)}`);
    return `${field.name}${args.length > 0 ? `(${args.join(', ')})` : ''} ${this.#selection(field.type, variables, depth)}`;
  }

  #selection(output: GraphQLOutputType, variables: Variables, depth: number): string {
    const type = getNamedType(output);
    if (!isCompositeType(type)) return '';
    const object = isAbstractType(type) ? this.chance.pick(this.schema.getPossibleTypes(type)) : type;
    const usable = Object.values(object.getFields()).filter(
      (field) => depth < DEPTH_MAX || !isCompositeType(getNamedType(field.type)),
    );
    const chosen =
      usable.length === 0
        ? []
        : Array.from({ length: 1 + this.chance.below(FIELDS_MAX) }, () => this.chance.pick(usable));
    const fields = [...new Set(chosen)].map((field, index) => `a${index}: ${this.#field(field, variables, depth + 1)}`);
    const inner = `__typename ${fields.join(' ')}`;
    return isAbstractType(type) ? `{ __typename ... on ${object.name} { ${inner} } }` : `{ ${inner} }`;
  }

  /** Any value of the type. */
  value(type: GraphQLInputType, name: string): unknown {
    const { chance } = this;
    if (isNonNullType(type)) return this.value(type.ofType, name);
    if (isListType(type)) return Array.from({ length: chance.below(3) }, () => this.value(type.ofType, name));
    if (isEnumType(type)) return chance.pick(type.getValues()).name;
    if (isInputObjectType(type)) {
      const fields = Object.values(type.getFields());
      const given = fields.filter((field) => isNonNullType(field.type) || chance.is(0.3));
      return Object.fromEntries(given.map((field) => [field.name, this.value(field.type, field.name)]));
    }
    switch (type.name) {
      case 'Int':
        return name === 'first' ? chance.below(PAGE_MAX) : chance.below(120) - 5;
      case 'SafeInt':
        return chance.below(40);
      case 'Float':
        return chance.is(0.5) ? chance.below(100) : chance.next() * 200 - 50;
      case 'Boolean':
        return chance.is(0.5);
      case 'DateTime':
        return new Date(Date.UTC(2026, 0, 1) + chance.below(300) * 86_400_000).toISOString();
      case 'JSON':
        return chance.pick([{}, { a: [1, 'two', null] }, { contextPercent: 50, token: 'hunter2' }]);
      case 'ID':
        return this.#ids.length > 0 && chance.is(0.9) ? chance.pick(this.#ids) : chance.pick(WORDS);
      default:
        return chance.pick(WORDS);
    }
  }
}

class Variables {
  readonly declared: string[] = [];
  readonly values: Record<string, unknown> = {};

  constructor(readonly operations: Operations) {}

  declare({ name, type }: GraphQLArgument): string {
    const variable = `v${this.declared.length}`;
    this.declared.push(`$${variable}: ${String(type)}`);
    this.values[variable] = this.operations.value(type, name);
    return variable;
  }
}
