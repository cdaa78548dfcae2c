import {
  FieldsOnCorrectTypeRule,
  KnownArgumentNamesRule,
  parse,
  printSchema,
  ProvidedRequiredArgumentsRule,
  validate,
  ValuesOfCorrectTypeRule,
  visit,
} from 'graphql';
import { describe, expect, it } from 'vitest';
import { RETRYABLE } from '../../src/domain/errors.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { readSource, sourceFiles } from '../support/source.js';
import { readTables } from './page.js';

const schema = buildSchema();

/** Names that may stand alone: those of the schema, and the codes of errors. */
const NAMES = new Set<string>(Object.keys(RETRYABLE));
visit(parse(printSchema(schema)), { Name: ({ value }) => void NAMES.add(value) });

// Not all rules: a call leaves out what its reader selects and where its variables come from.
const RULES = [FieldsOnCorrectTypeRule, KnownArgumentNamesRule, ProvidedRequiredArgumentsRule, ValuesOfCorrectTypeRule];

/** What the schema does not have of a call, or of a name that stands alone. */
function faultsOf(call: string): string[] {
  if (/^\w+$/.test(call)) return NAMES.has(call) ? [] : [`${call} is no name of the schema`];
  const operation = /^\w+\(input:/.test(call) ? 'mutation' : 'query';
  const document = call.startsWith('subscription') ? call : `${operation} { ${call} }`;
  const faults = validate(schema, parse(document), RULES);
  return faults.map(({ message }) => `${call}: ${message}`);
}

describe('the page on the predecessors', () => {
  const tables = readTables();

  it('has no table that is not run by a test', () => {
    const tests = sourceFiles('tests/predecessors').map(readSource).join('\n');
    const shown = [...tests.matchAll(/^showCapabilities\('([^']+)'/gm)].map(([, heading]) => heading);
    expect(shown.toSorted()).toEqual([...tables.keys()].toSorted());
  });

  it('calls only what the schema has', () => {
    const calls = [...tables.values()].flat().flatMap((line) => line.calls);
    expect(calls.flatMap(faultsOf)).toEqual([]);
  });

  it.each([
    'getByName',
    'session(by: { name: "ada" })',
    'session(by: { agentName: "ada" }) { heart }',
    'endSession(input: { sessionId: $id })',
    'endSession(input: { sessionId: $id, reason: BORED })',
  ])('would be told of a call that the schema does not have: %s', (call) => {
    expect(faultsOf(call)).not.toEqual([]);
  });
});
