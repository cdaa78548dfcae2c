import type { GraphQLError } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { includes, ROLES, type Role } from '../../src/domain/role.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { openGraphql, type TestGraphql } from '../support/graphql.js';
import { leastOperation, rootFields, type RootField } from '../support/operation.js';

/** What administers; of the rest, an OBSERVER may ask and watch, and an AGENT may do. */
const ADMINISTERS = [
  'Query.apiKeys',
  'Mutation.createApiKey',
  'Mutation.revokeApiKey',
  'Mutation.importSessions',
  'Mutation.purgeSessions',
];
const ADMINISTERS_THE_SERVER = ['Query.projects', 'Mutation.createProject'];

const fields = rootFields(buildSchema()).map((field) => [`${field.root}.${field.name}`, field] as const);

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

/** What a caller is told who has this role and is not the server's admin; null where all went well. */
async function refusal(field: RootField, role: Role): Promise<GraphQLError['extensions'] | null> {
  const as = { caller: { ...graphql.caller, role, serverAdmin: false } };
  const operation = leastOperation(field);
  try {
    if (field.root === 'Subscription') await (await graphql.watch(operation, {}, as)).return();
    else await graphql.ask(operation, {}, as);
    return null;
  } catch (error) {
    return (error as GraphQLError).extensions;
  }
}

describe.each(fields)('%s', (path, field) => {
  it('has a rule: whoever has none of the roles is refused', async () => {
    expect(await refusal(field, 'NOBODY' as Role)).toMatchObject({ code: 'FORBIDDEN', retryable: false });
  });

  it.each(ROLES)('is open to an %s who may, and to no other', async (role) => {
    const usual = field.root === 'Mutation' ? 'AGENT' : 'OBSERVER';
    const required = [...ADMINISTERS, ...ADMINISTERS_THE_SERVER].includes(path) ? 'ADMIN' : usual;
    const isOpen = includes(role, required) && !ADMINISTERS_THE_SERVER.includes(path);
    const told = await refusal(field, role);
    if (isOpen) expect(told?.code).not.toBe('FORBIDDEN');
    else expect(told).toEqual({ code: 'FORBIDDEN', retryable: false, required });
  });
});

it("the server's own admin may do everything", async () => {
  for (const [, field] of fields.filter(([path]) => ADMINISTERS_THE_SERVER.includes(path))) {
    await expect(graphql.ask(leastOperation(field))).resolves.toBeDefined();
  }
});
