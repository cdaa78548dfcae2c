// One mechanism for every list: its arguments make a page, whose rows one statement reads. A list that hangs on a row is read in
// its parent's statement.
import { completeValue, type MaybePromise } from '@pothos/core';
import { queryFromInfo } from '@pothos/plugin-prisma';
import { getNamedType, isObjectType, type GraphQLResolveInfo, type GraphQLSchema } from 'graphql';
import { builder } from './builder.js';
import { batched } from './batch.js';
import type { Context } from './context.js';
import { spend } from './budget.js';
import { fitting, isHeavy, SIZED, total, WEIGHED, type Weighed } from './heavy.js';
import type { ReadsRelation } from './loaded.js';
import { planned } from './planned.js';
import { asks, asksOnly } from './selection.js';
import type { Order } from './order.js';
import { Cut, pageOf, type Edge, type Page, type Paging, type Stretch } from './page.js';

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

/** A page that had to be shorter than it was asked to be: rows beyond those that are kept are there, but not read whole. */
export class Shortened<Row> {
  constructor(
    readonly rows: readonly Row[],
    readonly kept: number,
  ) {}
}

export type Rows<Row> = readonly Row[] | Shortened<Row>;

/** What a connection's fields are read from. Nothing is read before a field asks for it. */
class Connection<Row> {
  #cut: MaybePromise<Cut<Row>> | undefined;

  constructor(
    private readonly page: Page,
    private readonly rows: () => MaybePromise<Rows<Row>>,
    readonly totalCount: () => MaybePromise<number>,
  ) {}

  get nodes(): MaybePromise<readonly Row[]> {
    return completeValue(this.#load(), ({ nodes }) => nodes);
  }

  get edges(): MaybePromise<readonly Edge<Row>[]> {
    return completeValue(this.#load(), ({ edges }) => edges);
  }

  get pageInfo(): MaybePromise<Cut<Row>['pageInfo']> {
    return completeValue(this.#load(), ({ pageInfo }) => pageInfo);
  }

  #load(): MaybePromise<Cut<Row>> {
    return (this.#cut ??= completeValue(this.rows(), (found) =>
      found instanceof Shortened ? new Cut(this.page, found.rows, found.kept) : new Cut(this.page, found),
    ));
  }
}

/**
 * A list that is read by statements of its own: `read` answers with up to `take` rows beyond a place, the nearest first.
 * @throws ValidationError as `pageOf` does.
 */
export function stretched<Row extends object>(
  order: Order,
  paging: Paging,
  { read, count }: { read: (stretch: Stretch) => Promise<Rows<Row>>; count: () => Promise<number> },
) {
  const page = pageOf(order, paging);
  return new Connection(page, () => read(page.stretch), count);
}

/** What `list` needs of a Prisma model. */
export interface Model<Row> {
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
  const page = pageOf(order, paging, { filter: where, tellsMore: asks('pageInfo', info) });
  const typeName = nodeTypeOf(getNamedType(info.returnType));
  const { whole, query, weighs } = planned(context, info, () => {
    const asked = wholeRows(typeName, order, context, info);
    return { whole: asked, query: { ...page.query, ...asked }, weighs: isHeavy(typeName, asked) };
  });
  return new Connection(
    page,
    async () => {
      if (!weighs) return model.findMany(query);
      const rows = (await model.findMany({ ...page.query, select: weighed(order) })) as (Row & Weighed)[];
      const [shortened] = await unpack<Row>(context, [rows], page.size, (wanted) =>
        model.findMany({ where: { projectId: context.caller.projectId, ...these(wanted) }, ...whole }),
      );
      return shortened ?? [];
    },
    () => model.count({ where }),
  );
}

/** The query of all that is asked of the entries of a list. */
function wholeRows(typeName: string, order: Order, context: Context, info: GraphQLResolveInfo): { select?: object } {
  const select = { ...columnsOf(order), id: true };
  return queryFromInfo({ context, info, typeName, paths: NODES, select });
}

export const these = (rows: readonly Weighed[]) => ({ id: { in: rows.map(({ id }) => id) } });

const weighed = (order: Order): object => ({ ...columnsOf(order), ...WEIGHED });

/**
 * Reads of the rows of each list, of which up to `size` are wanted, as many whole as an answer can carry: by one statement.
 * Every list keeps an entry at least, however many lists there are.
 * @throws QueryTooCostlyError where even that is too much.
 */
export async function unpack<Row extends object, Located extends Weighed = Weighed>(
  context: Context,
  lists: readonly (readonly Located[])[],
  size: number,
  read: (wanted: readonly Located[]) => Promise<readonly object[]>,
): Promise<Shortened<Row>[]> {
  const kept = fitting(lists.map((list) => list.slice(0, size)));
  const wanted = lists.flatMap((list, index) => list.slice(0, kept[index]));
  spend(context, 'bytes', total(wanted.map(({ sizeBytes }) => sizeBytes)));
  const found = new Map((await read(wanted)).map((row) => [(row as Weighed).id, row]));
  return lists.map((list, index) => {
    const most = kept[index] ?? 0;
    // What has been purged between the two statements is gone.
    const whole = list.slice(0, most).flatMap((row) => {
      const body = found.get(row.id);
      return body ? { ...row, ...body } : [];
    });
    return new Shortened([...whole, ...list.slice(most)] as unknown as Row[], whole.length);
  });
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
  const heavyRows = batched(async (ids: string[], context: Context, info: GraphQLResolveInfo, args: Args) => {
    const { projectId } = context.caller;
    const models = context.store.database.prisma as unknown as Record<string, Model<object>>;
    const modelOf = (name: string): Model<object> => {
      const model = models[`${name[0]?.toLowerCase()}${name.slice(1)}`];
      if (!model) throw new Error(`there is no model ${name}`);
      return model;
    };
    const { query, size } = pageOf(order, args, { filter: where?.(args, context) });
    const owners = (await modelOf(info.parentType.name).findMany({
      where: { projectId, id: { in: ids } },
      select: { id: true, [relation]: { ...query, select: weighed(order) } },
    })) as ({ id: string } & Record<string, Weighed[]>)[];
    const lists = owners.map((owner) => owner[relation] ?? []);
    const whole = wholeRows(typeName, order, context, info);
    const pages = await unpack<object>(context, lists, size, (wanted) =>
      modelOf(typeName).findMany({ where: { projectId, ...these(wanted) }, ...whole }),
    );
    return new Map(owners.map(({ id }, index) => [id, pages[index] ?? []]));
  });
  // What holds of one row of a page holds of all: GraphQL gives them one and the same array of field nodes.
  const known = new WeakMap<Context, WeakMap<GraphQLResolveInfo['fieldNodes'], Wanted>>();
  const wantedBy = (args: Args, context: Context, info: GraphQLResolveInfo): Wanted => {
    const fields = known.get(context) ?? new WeakMap<GraphQLResolveInfo['fieldNodes'], Wanted>();
    known.set(context, fields);
    const wanted = fields.get(info.fieldNodes) ?? {
      page: pageOf(order, args),
      rows: !asksOnly(COUNT, info),
      count: asks('totalCount', info),
      ...planned(context, info, () => ({
        isHeavy: SIZED.has(typeName) && isHeavy(typeName, wholeRows(typeName, order, context, info)),
      })),
    };
    fields.set(info.fieldNodes, wanted);
    return wanted;
  };
  return {
    type,
    extensions: {
      relation,
      isLoaded(row, args, context, info) {
        const loaded = row as Loaded;
        const { rows, count, isHeavy: readsApart } = wantedBy(args, context, info);
        const hasRows = !rows || readsApart || loaded[relation] !== undefined;
        return hasRows && (!count || loaded._count?.[relation] !== undefined);
      },
      pothosPrismaSelect(args: Args, context: Context, nested: Nested, selected: () => ReadonlySet<string>) {
        const filter = where?.(args, context) ?? {};
        const asked = selected();
        const tellsMore = asked.has('pageInfo');
        const tellsCursors = tellsMore || asked.has('edges');
        const asksRows = tellsCursors || asked.has('nodes');
        const { query } = pageOf(order, args, { filter, tellsMore });
        const columns = tellsCursors ? columnsOf(order) : { id: true };
        const rows = asksRows ? nested({ ...query, select: columns }, path) : {};
        return {
          select: {
            ...(asksRows && !isHeavy(typeName, rows) && { [relation]: rows }),
            ...(asked.has('totalCount') && { _count: { select: { [relation]: { where: filter } } } }),
          },
        };
      },
    },
    resolve(row, args, context, info) {
      const loaded = row as Loaded;
      const { page, isHeavy: readsApart } = wantedBy(args, context, info);
      const rows = (): MaybePromise<Rows<object>> =>
        readsApart
          ? heavyRows(loaded.id, context, info, info, args).then((found) => found ?? [])
          : (loaded[relation] ?? []);
      return new Connection(page, rows, () => loaded._count?.[relation] ?? 0);
    },
  };
}

/** A row with lists of it. */
type Loaded = { id: string; _count?: Readonly<Record<string, number>> } & Readonly<Record<string, object[]>>;

/** What a document wants of a list: which page, whether entries, whether their number, and whether they are read by a statement apart. */
interface Wanted {
  readonly page: Page;
  readonly rows: boolean;
  readonly count: boolean;
  readonly isHeavy: boolean;
}

const COUNT: ReadonlySet<string> = new Set(['totalCount', '__typename']);

export interface RelatedOptions<Type extends { $inferType: object }, Args> {
  type: Type;
  extensions: ReadsRelation<Args> &
    Readonly<Record<string, unknown>> & {
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

/** Has every page tell its entries as it has them: the relay plugin makes an edge with a cursor of each, whoever asks. */
export function tellNodesAlone(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    const nodes = isObjectType(type) && type.name.endsWith('Connection') && type.getFields().nodes;
    if (nodes) nodes.resolve = ({ nodes }: Connection<unknown>) => nodes;
  }
  return schema;
}

function nodeTypeOf(connection: { name: string }): string {
  return connection.name.replace(/Connection$/, '');
}
