import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import { encodeId, type IdType } from '../domain/id.js';
import { getDatamodel } from '../generated/pothos.js';
import type PrismaTypes from '../generated/pothos.js';
import type { Context } from './context.js';
import {
  literally,
  parseDateTime,
  parseJsonLiteral,
  parseSafeInt,
  serializeDateTime,
  serializeSafeInt,
  type Json,
} from './scalar.js';

/** What every module of this folder adds its part of the schema to. Output is not null unless a field says so. */
export const builder = new SchemaBuilder<{
  Context: Context;
  PrismaTypes: PrismaTypes;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: false;
  DefaultNodeNullability: false;
  /** Counted only where a document asks for it. */
  Connection: { totalCount: () => number | Promise<number> };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    SafeInt: { Input: bigint; Output: bigint };
    JSON: { Input: Json; Output: unknown };
  };
}>({
  plugins: [PrismaPlugin, RelayPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: ({ store }) => store.database.prisma,
    dmmf: getDatamodel(),
  },
  relay: {
    clientMutationId: 'omit',
    encodeGlobalID: (type, id) => encodeId(type as IdType, String(id)),
    idFieldOptions: { description: 'A TypeID: a prefix that tells the type, and 26 characters.' },
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    nodeTypeOptions: { description: 'Whatever can be found again by its id.' },
    pageInfoTypeOptions: { description: 'Where a page lies in its list.' },
    hasNextPageFieldOptions: {
      description: 'Whether the list goes on after this page. Of a page read backwards: whether there was a `before`.',
    },
    hasPreviousPageFieldOptions: {
      description: 'Whether the list goes on before this page. Of a page read forwards: whether there was an `after`.',
    },
    startCursorFieldOptions: { description: 'The cursor of the first edge; null where the page is empty.' },
    endCursorFieldOptions: { description: 'The cursor of the last edge; null where the page is empty.' },
    pageInfoFieldOptions: { description: 'Where this page lies in the list.' },
    edgesFieldOptions: { description: 'The entries of this page with their cursors, in the order of the list.' },
    nodeFieldOptions: { description: 'The entry itself.', nullable: false },
    cursorFieldOptions: {
      description: 'The place of this entry in the list, to go on from. It stays valid when the entry is deleted.',
    },
    nodesOnConnection: { description: 'The entries of this page, for callers that need no cursors.' },
    mutationInputArgOptions: { description: 'What is to be done.' },
  },
});

builder.queryType({
  description: 'What can be asked. No query changes anything.',
});
builder.mutationType({
  description: 'What can be done. Each is one transaction: it happens whole and is recorded in the log, or not at all.',
});
builder.subscriptionType({
  description: 'What can be watched. What is durable comes in the order of the log, each entry exactly once.',
});

builder.scalarType('DateTime', {
  description:
    'An instant as RFC 3339 in UTC with milliseconds, like 2026-01-31T12:00:00.000Z. Any offset is taken as input.',
  serialize: serializeDateTime,
  parseValue: parseDateTime,
  parseLiteral: literally(parseDateTime),
});
builder.scalarType('SafeInt', {
  description: 'An integer that fits in 53 bits: log positions and sequence numbers.',
  serialize: serializeSafeInt,
  parseValue: parseSafeInt,
  parseLiteral: literally(parseSafeInt),
});
builder.scalarType('JSON', {
  description:
    'Any JSON value. Objects where the field says so. At most 256 KiB a value unless its field says otherwise.',
  serialize: (value) => value,
  parseValue: (value) => value as Json,
  parseLiteral: (literal, variables) => parseJsonLiteral(literal, variables) as Json,
});

builder.globalConnectionField('totalCount', (t) =>
  t.int({
    description: 'How many entries the whole list has now. Counted only when asked for.',
    resolve: (connection) => connection.totalCount(),
  }),
);

/** The names of the columns that a type has of its model. */
export function columnsOfModel(name: string): string[] {
  const { models } = getDatamodel().datamodel as { models: Readonly<Record<string, { fields: readonly Column[] }>> };
  return (models[name]?.fields ?? []).flatMap((field) => (field.kind === 'object' ? [] : field.name));
}

interface Column {
  name: string;
  kind: string;
}

/** An enum of the domain's literals: every one of them with a sentence of its own. */
export function enumOf<Value extends string>(
  name: string,
  description: string,
  values: Readonly<Record<Value, string>>,
) {
  const entries = Object.entries<string>(values).map(([value, meaning]) => [value, { description: meaning }]);
  return builder.enumType(name, {
    description,
    values: Object.fromEntries(entries) as Record<Value, { description: string }>,
  });
}
