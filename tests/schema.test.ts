// The printed schema is what the code says, and what the contract says.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  Kind,
  parse,
  print,
  printSchema,
  type DefinitionNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { buildSchema } from '../src/graphql/schema.js';

const CONTRACT = new URL('../../shared/design/contract.graphql', import.meta.url);

const schema = buildSchema();
/** Every part of the schema by its path (`Session.events(first:)`), with its type and default. */
const parts = new Map<string, string>();
for (const definition of parse(printSchema(schema)).definitions) describeParts(definition, parts);

test('schema.graphql is what `npm run schema` prints', async () => {
  expect(await readFile(new URL('../schema.graphql', import.meta.url), 'utf8')).toBe(`${printSchema(schema)}\n`);
});

describe('the contract', () => {
  const isHere = existsSync(CONTRACT);
  if (!isHere) process.stderr.write(`NOT COMPARED: there is no contract at ${CONTRACT.pathname}.\n`);

  test.runIf(isHere)('is kept to the letter', async () => {
    const promised = new Map<string, string>();
    for (const definition of parse(await readFile(CONTRACT, 'utf8')).definitions) describeParts(definition, promised);
    const missing = [...promised.keys()].filter((path) => !parts.has(path) && parts.has(wholeOf(path)));
    const differing = [...promised].filter(([path, type]) => parts.has(path) && parts.get(path) !== type);

    expect(differing.map(([path, type]) => `${path} is ${parts.get(path)}, not ${type}`)).toEqual([]);
    expect(missing).toEqual([]);
  });
});

/** An argument is part of its field, a field of its type. */
function wholeOf(path: string): string {
  return path.replace(path.includes('(') ? /\(.*/ : /\..*/, '');
}

function describeParts(definition: DefinitionNode, into: Map<string, string>): void {
  if (!('name' in definition) || !definition.name) return;
  const owner = definition.name.value;
  switch (definition.kind) {
    case Kind.ENUM_TYPE_DEFINITION:
      into.set(owner, 'enum');
      for (const { name } of definition.values ?? []) into.set(`${owner}.${name.value}`, 'value');
      break;
    case Kind.OBJECT_TYPE_DEFINITION:
    case Kind.INTERFACE_TYPE_DEFINITION:
      into.set(owner, [definition.kind, ...(definition.interfaces ?? []).map(({ name }) => name.value)].join(' '));
      for (const field of definition.fields ?? []) describeField(owner, field, into);
      break;
    case Kind.INPUT_OBJECT_TYPE_DEFINITION:
      into.set(owner, [definition.kind, ...(definition.directives ?? []).map(print)].join(' '));
      for (const field of definition.fields ?? []) into.set(`${owner}.${field.name.value}`, valueType(field));
      break;
    case Kind.UNION_TYPE_DEFINITION:
      into.set(
        owner,
        (definition.types ?? [])
          .map(({ name }) => name.value)
          .toSorted()
          .join(' | '),
      );
      break;
    default:
      into.set(owner, definition.kind);
  }
}

function describeField(
  owner: string,
  { name, type, arguments: args }: FieldDefinitionNode,
  into: Map<string, string>,
): void {
  const path = `${owner}.${name.value}`;
  into.set(path, print(type));
  for (const arg of args ?? []) into.set(`${path}(${arg.name.value}:)`, valueType(arg));
}

function valueType({ type, defaultValue }: InputValueDefinitionNode): string {
  return print(type) + (defaultValue ? ` = ${print(defaultValue)}` : '');
}
