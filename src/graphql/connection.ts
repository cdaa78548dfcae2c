// One mechanism for every list: the arguments make a page, the page makes a Prisma query of one row more than asked for,
// and that row tells whether the list goes on. A list that hangs on a row is read in its parent's statement.
import type { MaybePromise } from '@pothos/core';
import { queryFromInfo } from '@pothos/plugin-prisma';
import { getNamedType, type GraphQLResolveInfo } from 'graphql';
import { ValidationError } from '../domain/errors.js';
import { PAGE_DEFAULT_SIZE, PAGE_MAX_SIZE } from '../domain/limits.js';
import { builder } from './builder.js';
import type { Context } from './context.js';
import { beyond, cursorOf, orderBy, placeOf, type Order, type Value } from './order.js';

/** For lists that are read forwards only. */
export const FORWARD = builder.args((t) => ({
  first: t.int({ description: 'How many entries: 50 where absent, at most 500.' }),
  after: t.string({ description: 'The cursor of the entry to go on after.' }),
}));

/** For lists that are read from either end. */
export const EITHER_WAY = {
  ...FORWARD,
  ...builder.args((t) => ({
    last: t.int({ description: 'How many entries from the end, in the order of the list. Not together with `first`.' }),
    before: t.string({ description: 'The cursor of the entry to go back from.' }),
  })),
};

export interface Paging {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

/** The query of a page, and what its rows become. */
interface Page<Row> {
  query: { where: object; orderBy: object[]; take: number };
  stretch: Stretch;
  cut(rows: readonly Row[]): { edges: { cursor: string; node: Row }[]; pageInfo: PageInfo };
}

/** Which part of a list a page is, for a statement of its own. */
export interface Stretch {
  /** By the keys of the order, the place to go on from; null at the end of the list that the page is read from. */
  from: readonly Value[] | null;
  backwards: boolean;
  take: number;
}

interface PageInfo {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
}

/**
 * The page of a list that `paging` asks for.
 * @throws ValidationError for a size that is negative or above 500, a broken cursor, and both directions at once.
 */
function pageOf<Row extends object>(order: Order, paging: Paging, filter: object = {}): Page<Row> {
  const { first, after, last, before } = paging;
  const backwards = last != null || before != null;
  if (backwards && (first != null || after != null)) {
    const path = first != null ? 'first' : 'after';
    throw new ValidationError({ issues: [{ path, message: 'must not stand beside `last` or `before`' }] });
  }
  const size = backwards ? sizeOf('last', last) : sizeOf('first', first);
  const cursor = backwards ? before : after;
  const from = cursor == null ? null : placeOf(order, cursor, backwards ? 'before' : 'after');
  const rest = from ? beyond(order, from, backwards) : {};
  const take = size + 1;
  return {
    query: { where: { AND: [filter, rest] }, orderBy: orderBy(order, backwards), take },
    stretch: { from, backwards, take },
    cut(rows) {
      const kept = rows.slice(0, size);
      if (backwards) kept.reverse();
      const edges = kept.map((node) => ({ cursor: cursorOf(order, node as Record<string, unknown>), node }));
      const more = rows.length > size;
      const pageInfo = {
        hasNextPage: backwards ? cursor != null : more,
        hasPreviousPage: backwards ? more : cursor != null,
        startCursor: edges[0]?.cursor ?? null,
        endCursor: edges.at(-1)?.cursor ?? null,
      };
      return { edges, pageInfo };
    },
  };
}

function sizeOf(path: 'first' | 'last', size: number | null | undefined): number {
  if (size == null) return PAGE_DEFAULT_SIZE;
  if (size >= 0 && size <= PAGE_MAX_SIZE) return size;
  throw new ValidationError({ issues: [{ path, message: `must be from 0 to ${PAGE_MAX_SIZE}` }] });
}

/** What a connection's fields are read from. Nothing is read before a field asks for it. */
function connectionOf<Row>(
  page: Page<Row>,
  rows: () => MaybePromise<readonly Row[]>,
  totalCount: () => MaybePromise<number>,
) {
  let loading: Promise<ReturnType<Page<Row>['cut']>> | undefined;
  const load = () => (loading ??= Promise.resolve(rows()).then((found) => page.cut(found)));
  return {
    get edges() {
      return load().then(({ edges }) => edges);
    },
    get pageInfo() {
      return load().then(({ pageInfo }) => pageInfo);
    },
    totalCount,
  };
}

/**
 * A list that is read by statements of its own: `read` answers with up to `take` rows beyond a place, the nearest first.
 * @throws ValidationError as `pageOf` does.
 */
export function stretched<Row extends object>(
  order: Order,
  paging: Paging,
  { read, count }: { read: (stretch: Stretch) => Promise<readonly Row[]>; count: () => Promise<number> },
) {
  const page = pageOf<Row>(order, paging);
  return connectionOf(page, () => read(page.stretch), count);
}

/** What `list` needs of a Prisma model. */
interface Model<Row> {
  findMany(query: object): Promise<Row[]>;
  count(query: object): Promise<number>;
}

/** Both ways to the nodes of a connection. */
const NODES = [['nodes'], ['edges', 'node']];

/**
 * A list of the project: one statement for its entries and all that is asked of them, one for its totalCount.
 * @throws ValidationError as `pageOf` does.
 */
export function list<Row extends object>(
  model: Model<Row>,
  { order, paging, where }: { order: Order; paging: Paging; where: object },
  context: Context,
  info: GraphQLResolveInfo,
) {
  const page = pageOf<Row>(order, paging, where);
  const typeName = nodeTypeOf(getNamedType(info.returnType));
  return connectionOf(
    page,
    () =>
      model.findMany({
        ...page.query,
        ...queryFromInfo({ context, info, typeName, paths: NODES, select: columnsOf(order) }),
      }),
    () => model.count({ where }),
  );
}

/**
 * The options of a field that lists a relation of its row: entries and totalCount come with the row's own statement, for
 * all rows of a page at once. (Pothos's `relatedConnection` does the same, with cursors that name rows.)
 */
export function related<Type extends { name: string; $inferType: object }, Args extends Paging>(
  type: Type,
  relation: string,
  order: Order,
  where?: (args: Args, context: Context) => object,
): RelatedOptions<Type, Args> {
  const typeName = nodeTypeOf(type);
  const path = { getType: () => typeName, paths: NODES.map((names) => names.map((name) => ({ name }))) };
  return {
    type,
    extensions: {
      pothosPrismaSelect(args: Args, context: Context, nested: Nested, selected: () => ReadonlySet<string>) {
        const filter = where?.(args, context) ?? {};
        const { query } = pageOf(order, args, filter);
        const asked = selected();
        const asksRows = asked.has('edges') || asked.has('nodes') || asked.has('pageInfo');
        return {
          select: {
            ...(asksRows && { [relation]: nested({ ...query, select: columnsOf(order) }, path) }),
            ...(asked.has('totalCount') && { _count: { select: { [relation]: { where: filter } } } }),
          },
        };
      },
    },
    resolve(row, args) {
      const loaded = row as Readonly<Record<string, object[]>> & { _count?: Readonly<Record<string, number>> };
      return connectionOf(
        pageOf<object>(order, args),
        () => loaded[relation] ?? [],
        () => loaded._count?.[relation] ?? 0,
      );
    },
  };
}

export interface RelatedOptions<Type extends { $inferType: object }, Args> {
  type: Type;
  extensions: {
    /** What the list needs of its row, for the statement that reads the row. */
    pothosPrismaSelect: (args: Args, context: Context, nested: Nested, selected: () => ReadonlySet<string>) => object;
  };
  resolve(row: object, args: NoInfer<Args>, context: Context, info: GraphQLResolveInfo): Type['$inferType'];
}

/** Pothos's way to put what is asked of the nodes into the query of their relation. */
type Nested = (query: object, path: object) => object;

/** What a cursor is made from, also where nothing is asked of the entries themselves. */
function columnsOf({ keys }: Order): Record<string, true> {
  return Object.fromEntries(keys.map(({ field, relation }) => [relation ?? field, true]));
}

function nodeTypeOf(connection: { name: string }): string {
  return connection.name.replace(/Connection$/, '');
}
