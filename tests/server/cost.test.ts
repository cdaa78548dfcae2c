// What an operation is counted as, before it is executed.
import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { getIntrospectionQuery, isInterfaceType, isObjectType, Kind, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { Analysis, isExecutable, sizeOfVariable, type Counts } from '../../src/server/cost.js';
import { OPERATION_LIMITS } from '../../src/server/limits.js';
import { ASSUMED_SIZE, NAMED, SEARCH_COST, SIZES } from '../../src/server/weight.js';

const schema = buildSchema();

/** The counts of the first operation of a document. */
function count(document: string, variables: Record<string, unknown> = {}): Counts {
  const parsed = parse(document);
  const analysis = new Analysis(schema, parsed, (name) => sizeOfVariable(variables[name]));
  return analysis.of(parsed.definitions.find(({ kind }) => kind === Kind.OPERATION_DEFINITION) as never);
}
const cost = (document: string, variables?: Record<string, unknown>): number => count(document, variables).cost;

describe('an operation', () => {
  it.each([
    ['one field', '{ __typename }', { depth: 1, fields: 1, aliases: 0, directives: 0 }],
    ['aliases, also of __typename', '{ a: __typename b: viewer { c: name } }', { depth: 2, fields: 3, aliases: 3 }],
    ['directives wherever they stand', 'query @a { viewer @b { ... @c { name @d } } }', { directives: 4, fields: 2 }],
    [
      'one unknown in all its parts',
      '{ a { b @c { d: e } } ...F }',
      { depth: 3, fields: 3, aliases: 1, directives: 1 },
    ],
    [
      'fragments as often as they are spread',
      '{ viewer { ...F } ...G } fragment F on Viewer { a: name } fragment G on Query { viewer { ...F ...F @b } }',
      { depth: 2, fields: 5, aliases: 3, directives: 1 },
    ],
    [
      'fragments in a circle as finite',
      '{ ...A } fragment A on Query { ...B x } fragment B on Query { ...A y }',
      { fields: 2 },
    ],
  ])('counts %s', (_case, document, counts) => {
    expect(count(document)).toMatchObject(counts);
  });

  it('is not made deeper by fragments', () => {
    expect(count('{ ... on Query { ...F } } fragment F on Query { ... { viewer { name } } }').depth).toBe(2);
  });
});

describe('the size of a list', () => {
  const sessions = (size: string) => `query ($n: Int) { sessions${size} { nodes { id } } }`;
  const perSession = (cost(sessions('(first: 100)')) - cost(sessions('(first: 0)'))) / 100;

  it.each([
    ['is what `first` says', '(first: 7)', {}, 7],
    ['is what `last` says', '(last: 7)', {}, 7],
    ['is what the variable says', '(first: $n)', { n: 7 }, 7],
    ['is the default without one', '', {}, 50],
    ['is the default where the variable is absent', '(first: $n)', {}, 50],
    ['is the default where the variable is null', '(first: $n)', { n: null }, 50],
    ['is the default where it is null', '(first: null)', {}, 50],
    ['is the larger of two', '(first: 3, last: $n)', { n: 9 }, 9],
    ['is no more than is ever given', '(first: 1000000)', {}, 500],
    ['is none where it is negative', '(first: $n)', { n: -5 }, 0],
    ['is the default where it is no number', '(first: $n)', { n: '7' }, 50],
  ])('%s', (_case, size, variables, expected) => {
    expect((cost(sessions(size), variables) - cost(sessions('(first: 0)'))) / perSession).toBe(expected);
  });

  it('is the number of ids', () => {
    const nodes = (ids: string, variables?: object) =>
      cost(`query ($ids: [ID!]!) { nodes(ids: ${ids}) { id } }`, { ...variables });
    const none = nodes('[]');
    const each = nodes('["a"]') - none;
    expect(nodes('["a", "b", "c"]') - none).toBe(3 * each);
    expect(nodes('$ids', { ids: Array(40).fill('x') }) - none).toBe(40 * each);
  });

  it('is assumed where none can be given', () => {
    const signals = (n: number) => cost(`{ sessions(first: ${n}) { nodes { pendingSignals { note } } } }`);
    const chain = (n: number) => cost(`{ sessions(first: ${n}) { nodes { chain { title } } } }`);
    expect(signals(1) - signals(0)).toBeGreaterThan(ASSUMED_SIZE);
    expect(chain(1) - chain(0)).toBeGreaterThan(SIZES.get('Session.chain')!);
  });

  it('reaches the list through fragments, and no list of its entries', () => {
    const plain = cost('{ sessions(first: 20) { nodes { chain { id } } } }');
    const spread = `{ sessions(first: 20) { ...C } } fragment C on SessionConnection { nodes { ...S } } fragment S on Session { chain { id } }`;
    expect(cost(spread)).toBe(plain);
    expect(cost('{ log(first: 20) { ... { events { id } } } }')).toBe(cost('{ log(first: 20) { events { id } } }'));
  });

  it('does not count for what stands beside the entries', () => {
    const beside = (size: number) => cost(`{ sessions(first: ${size}) { totalCount } }`);
    expect(beside(500)).toBe(beside(1));
  });

  it('counts where the entries are read to tell where they lie', () => {
    const beside = (size: number) =>
      cost(`{ sessions(first: ${size}) { ...P } } fragment P on SessionConnection { pageInfo { endCursor } }`);
    expect(beside(500) - beside(1)).toBe(499);
  });

  it('multiplies with that of the lists around it', () => {
    const nested = (n: number) => cost(`{ sessions(first: ${n}) { nodes { events(first: ${n}) { nodes { id } } } } }`);
    expect(nested(500)).toBeGreaterThan(500 * 500);
    expect(nested(500)).toBeGreaterThan(20 * nested(50));
  });
});

describe('a statement that reads more than it answers with', () => {
  const searching = (n: number, filter: string) =>
    cost(`query ($f: EventFilter) { sessions(first: ${n}) { nodes { events(first: 1${filter}) { totalCount } } } }`);

  it.each([
    ['counts once for all rows of a list', ', filter: { search: "x" }', SEARCH_COST],
    ['counts where a variable may ask for it', ', filter: $f', SEARCH_COST],
    ['counts only where it is asked for', ', filter: { types: [ERROR] }', 0],
  ])('%s', (_case, filter, expected) => {
    for (const n of [1, 50]) expect(searching(n, filter) - searching(n, '')).toBe(expected);
  });

  it('counts for each field that asks for it', () => {
    expect(cost('{ a: sessions(first: 0) { totalCount } b: sessions(first: 0) { totalCount } }')).toBe(
      2 * cost('{ sessions(first: 0) { totalCount } }'),
    );
  });
});

describe('the table of weights', () => {
  it('names fields of the schema only', () => {
    const names = NAMED.filter((name) => !name.startsWith('Query.__'));
    const unknown = names.filter((name) => {
      const [type = '', field = ''] = name.split('.');
      const owner = schema.getType(type);
      return !(isObjectType(owner) || isInterfaceType(owner)) || !(field in owner.getFields());
    });
    expect(unknown).toEqual([]);
  });
});

describe('the limits', () => {
  const limits = { ...OPERATION_LIMITS, cost: readConfig({}, {}).maxCost };
  const exceeded = (counts: Counts) =>
    (['depth', 'fields', 'aliases', 'directives', 'cost'] as const).filter((rule) => counts[rule] > limits[rule]);

  const folder = new URL('../../src/client/', import.meta.url);
  const text = readdirSync(folder)
    .filter((name) => name.endsWith('.graphql'))
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('\n');
  const documents = parse(text);
  const analysis = new Analysis(schema, documents, () => undefined);

  it.each(
    documents.definitions
      .filter(isExecutable)
      .flatMap((it) => (it.kind === Kind.OPERATION_DEFINITION ? [[it.name?.value, it] as const] : [])),
  )('let %s of the command line through', (_name, operation) => {
    expect(exceeded(analysis.of(operation))).toEqual([]);
  });

  it.each([
    ['the introspection of the tools', getIntrospectionQuery({ oneOf: true, schemaDescription: true })],
    [
      'a page with chains, families and last events',
      `{ sessions(first: 50) { totalCount pageInfo { endCursor } edges { cursor node {
        id kind agentName title state isOpen startedAt endedAt endReason outcome contextPercent currentEpic
        workspace { hostMachine branchName } liveness { lastActivityAt silentSeconds escalationLevel }
        parent { id state endReason } spawnedBy { id agentName state } conversation { id platform externalId title }
        run { id status description } chain { id startReason endReason } spawned(first: 3) { nodes { id state } }
        events(last: 3) { nodes { id type position occurredAt data } } } } } }`,
    ],
    [
      'the log, 500 entries at once',
      '{ log(first: 500) { events { id position type data session { id title } } caughtUp } }',
    ],
    [
      'a page of documents, since that is weighed',
      '{ checkpoints(first: 500) { nodes { ...W } edges { node { ...W } } } } fragment W on Checkpoint { workState metadata }',
    ],
    [
      'all that there is of one saved state',
      '{ session(by: { agentName: "a" }) { metadata savedState { conversationHistory contextVariables planData } } }',
    ],
    ['20 sessions with their metadata', '{ sessions(first: 20) { nodes { metadata } } }'],
    [
      '500 sessions with where they stand',
      '{ sessions(first: 500) { nodes { id state agentName liveness { silentSeconds } } } }',
    ],
  ])('let %s through', (_case, document) => {
    expect(exceeded(count(document))).toEqual([]);
  });

  it.each([
    ['cost', '{ sessions(first: 500) { nodes { events(first: 500) { nodes { id } } } } }'],
    ['cost', '{ sessions(first: 500) { nodes { resumePlan { source } } } }'],
    ['cost', '{ sessions(first: 50) { nodes { latestCheckpoint { workState } } } }'],
    ['cost', '{ sessions(first: 50) { nodes { savedState { planData } } } }'],
    ['cost', '{ sessions(first: 500) { nodes { ...M } } } fragment M on Session { metadata }'],
    ['cost', '{ session(by: { agentName: "a" }) { events(last: 500) { nodes { cause { data } } } } }'],
    ['cost', '{ approvals(first: 500) { nodes { context } } }'],
    ['cost', '{ sessions(first: 500) { nodes { timeline(first: 500) { pageInfo { endCursor } } } } }'],
    ['cost', '{ sessions { nodes { resumePlan { sizeBytes } } } }'],
    ['cost', '{ sessions(first: 500) { nodes { chain { chain { id } } } } }'],
    [
      'cost',
      `{ ${Array.from({ length: 25 }, (_, i) => `a${i}: log(filter: { types: [ERROR] }) { position }`).join(' ')} }`,
    ],
    ['depth', `{ session(by: { agentName: "a" }) { ${'parent { '.repeat(50)} id ${'} '.repeat(50)} } }`],
    [
      'aliases',
      `mutation { ${Array.from({ length: 60 }, (_, i) => `m${i}: startSession(input: {}) { position }`).join(' ')} }`,
    ],
    [
      'fields',
      `{ ...F0 } ${Array.from({ length: 25 }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`).join(' ')} fragment F25 on Query { __typename }`,
    ],
  ])('refuse by %s %s', (rule, document) => {
    expect(exceeded(count(document))).toContain(rule);
  });
});

describe('whatever the document', () => {
  const name = fc.constantFrom(
    'sessions',
    'nodes',
    'edges',
    'node',
    'chain',
    'parent',
    'events',
    'log',
    'id',
    'title',
    'noSuchField',
  );
  const size = fc.constantFrom('', '(first: 3)', '(last: $n)', '(first: 501)', '(ids: ["a", $n])', '(first: "x")');
  const directive = fc.constantFrom('', ' @include(if: true)', ' @unknown');
  const alias = fc.constantFrom('', 'x: ');
  const { selections } = fc.letrec<{ selections: string; selection: string }>((tie) => ({
    selections: fc.array(tie('selection'), { minLength: 1, maxLength: 4 }).map((parts) => parts.join(' ')),
    selection: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.tuple(alias, name, size, directive).map((parts) => parts.join('')),
      fc
        .tuple(alias, name, size, directive, tie('selections'))
        .map(([a, n, s, d, inner]) => `${a}${n}${s}${d} { ${inner} }`),
      fc.constantFrom('...A', '...B', '...C', '...Missing'),
      fc
        .tuple(fc.constantFrom('Query', 'Session', 'Nothing'), tie('selections'))
        .map(([type, inner]) => `... on ${type} { ${inner} }`),
    ),
  }));
  const fragments = fc
    .tuple(...['A', 'B', 'C'].map((it) => selections.map((inner) => `fragment ${it} on Session { ${inner} }`)))
    .map((parts) => parts.join(' '));
  const counted = (selection: string, others: string) => count(`query ($n: Int) { ${selection} } ${others}`, { n: 5 });

  it('is counted, in finite numbers', () => {
    fc.assert(
      fc.property(selections, fragments, (selection, others) => {
        expect(Object.values(counted(selection, others)).every(Number.isSafeInteger)).toBe(true);
      }),
    );
  });

  it('what is added makes no count smaller', () => {
    fc.assert(
      fc.property(selections, selections, fragments, (one, more, others) => {
        const [less, all] = [counted(one, others), counted(`${one} ${more}`, others)];
        for (const rule of Object.keys(less) as (keyof Counts)[]) expect(all[rule]).toBeGreaterThanOrEqual(less[rule]);
      }),
    );
  });

  it('counts are the same with a fragment as without', () => {
    fc.assert(
      fc.property(selections, fragments, (inner, others) => {
        const [plain, spread] = [`parent { ... on Session { ${inner} } }`, 'parent { ...Z }'];
        expect(counted(spread, `${others} fragment Z on Session { ${inner} }`)).toEqual(counted(plain, others));
      }),
    );
  });

  it('a fragment that is spread 3^200 times over is walked once', () => {
    const links = Array.from(
      { length: 200 },
      (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} ...F${i + 1} }`,
    );
    const { fields } = count(`{ ...F0 } ${links.join(' ')} fragment F200 on Query { sessions { totalCount } }`);
    expect(fields).toBe(Number.MAX_SAFE_INTEGER);
  });
});
