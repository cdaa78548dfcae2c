// Prisma has no word for full text, so a list of events that is searched is read by statements of its own: one for the
// entries, one for their number, for all rows of a page at once.
import { checkTitle, Issues, unstorable } from '../domain/limits.js';
import { countEvents, searchEvents, type EventSearch, type Owner } from '../store/search.js';
import type { Event } from '../store/store.js';
import { batched } from './batch.js';
import { stretched, these, unpack, type RelatedOptions, type Rows } from './connection.js';
import type { Paging, Stretch } from './page.js';
import type { Context } from './context.js';
import type { EventFilter } from './eventFilter.js';
import type { EventConnection } from './node.js';
import type { Order } from './order.js';

export interface Filtered extends Paging {
  filter?: EventFilter | null;
}

type Options = RelatedOptions<typeof EventConnection, Filtered>;

/** The options of a list of events, with those that are searched for read in their own way. */
export function searchable(owner: Owner, order: Order, listed: Options): Options {
  const found = batched(async (ids: string[], context: Context, search: EventSearch, stretch: Stretch) => {
    const { store, caller } = context;
    const from = (stretch.from?.[0] ?? null) as bigint | null;
    const lists = await searchEvents(store, caller, owner, ids, search, { ...stretch, from });
    const pages = await unpack<Event>(context, [...lists.values()], stretch.take - 1, (wanted) =>
      store.database.prisma.event.findMany({ where: { projectId: caller.projectId, ...these(wanted) } }),
    );
    return new Map(Array.from(lists.keys(), (id, index): [string, Rows<Event>] => [id, pages[index] ?? []]));
  });
  const counts = batched((ids: string[], { store, caller }: Context, search: EventSearch) =>
    countEvents(store, caller, owner, ids, search),
  );
  return {
    ...listed,
    extensions: {
      ...listed.extensions,
      isLoaded: (row, args, context, info) =>
        args.filter?.search != null || (listed.extensions.isLoaded?.(row, args, context, info) ?? false),
      pothosPrismaSelect: (args, ...rest) =>
        args.filter?.search == null ? listed.extensions.pothosPrismaSelect(args, ...rest) : {},
    },
    resolve(row, args, context, info) {
      const search = searchOf(args.filter);
      if (!search) return listed.resolve(row, args, context, info);
      const { id } = row as { id: string };
      const nothing = [search.text, search.toolName ?? ''].some(unstorable);
      return stretched(order, args, {
        read: async (stretch) => (nothing ? [] : ((await found(id, context, info, search, stretch)) ?? [])),
        count: async () => (nothing ? 0 : ((await counts(id, context, info, search)) ?? 0)),
      });
    },
  };
}

/** @throws ValidationError where the text is longer than a title. */
function searchOf(filter: EventFilter | null | undefined): EventSearch | null {
  const { search: text, ...rest } = filter ?? {};
  if (text == null) return null;
  const issues = new Issues();
  if (!unstorable(text)) checkTitle(issues, 'filter.search', text);
  issues.throwIfAny();
  return { ...rest, text };
}
