// The arguments of a list make a page, and the page makes a query of one row more than asked for: that row tells whether the list
// goes on, where that is asked.
import { ValidationError } from '../domain/errors.js';
import { PAGE_DEFAULT_SIZE, PAGE_MAX_SIZE } from '../domain/limits.js';
import { beyond, cursorOf, orderBy, placeOf, type Order, type Value } from './order.js';

export interface Paging {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

/** Which part of a list is asked for. */
export interface Page {
  readonly order: Order;
  readonly size: number;
  /** In Prisma's words. */
  readonly query: { where: object; orderBy: object[]; take: number };
  /** The same for a statement of its own. */
  readonly stretch: Stretch;
}

/** Which part of a list a page is, for a statement of its own. */
export interface Stretch {
  /** By the keys of the order, the place to go on from; null at the end of the list that the page is read from. */
  from: readonly Value[] | null;
  backwards: boolean;
  take: number;
}

export interface Edge<Row> {
  readonly cursor: string;
  readonly node: Row;
}

interface PageInfo {
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly startCursor: string | null;
  readonly endCursor: string | null;
}

/**
 * The page of a list that `paging` asks for. `tellsMore`: whether it is asked if the list goes on.
 * @throws ValidationError for a size that is negative or above 500, a broken cursor, and both directions at once.
 */
export function pageOf(
  order: Order,
  paging: Paging,
  { filter = {}, tellsMore = true }: { filter?: object | undefined; tellsMore?: boolean } = {},
): Page {
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
  const take = tellsMore ? size + 1 : size;
  return {
    order,
    size,
    query: { where: { AND: [filter, rest] }, orderBy: orderBy(order, backwards), take },
    stretch: { from, backwards, take },
  };
}

function sizeOf(path: 'first' | 'last', size: number | null | undefined): number {
  if (size == null) return PAGE_DEFAULT_SIZE;
  if (size >= 0 && size <= PAGE_MAX_SIZE) return size;
  throw new ValidationError({ issues: [{ path, message: `must be from 0 to ${PAGE_MAX_SIZE}` }] });
}

/** The rows of a page. What only some ask for is made when it is asked for. */
export class Cut<Row> {
  readonly nodes: readonly Row[];
  readonly #page: Page;
  readonly #goesOn: boolean;

  /** Of `rows`, the nearest first, no more than `most` are told; that there are more is told too. */
  constructor(page: Page, rows: readonly Row[], most = page.size) {
    this.#page = page;
    this.#goesOn = rows.length > most;
    const nodes = this.#goesOn ? rows.slice(0, most) : rows;
    this.nodes = page.stretch.backwards ? nodes.toReversed() : nodes;
  }

  get edges(): Edge<Row>[] {
    return this.nodes.map((node) => ({ cursor: this.#cursorOf(node), node }));
  }

  get pageInfo(): PageInfo {
    const { backwards, from } = this.#page.stretch;
    const [start, end] = [this.nodes[0], this.nodes.at(-1)];
    const hasCursors = start !== undefined && end !== undefined;
    const cursorOf = (node: Row): string => this.#cursorOf(node);
    return {
      hasNextPage: backwards ? from !== null : this.#goesOn,
      hasPreviousPage: backwards ? this.#goesOn : from !== null,
      get startCursor() {
        return hasCursors ? cursorOf(start) : null;
      },
      get endCursor() {
        return hasCursors ? cursorOf(end) : null;
      },
    };
  }

  #cursorOf(node: Row): string {
    return cursorOf(this.#page.order, node as Record<string, unknown>);
  }
}
