import { decodeIdOf, type IdType } from '../domain/id.js';
import type { Event } from '../store/store.js';
import { stream, type Leave } from '../store/stream.js';

/** What `values` makes of a stream of the store. Both end as soon as the consumer leaves. */
export function through<Source, Value>(
  source: AsyncGenerator<Source, void, void>,
  values: (source: AsyncIterable<Source>, leave: Leave) => AsyncGenerator<Value, void, void>,
): AsyncGenerator<Value, void, void> {
  return stream((leave) => {
    leave.on(() => void source.return());
    return values(source, leave);
  });
}

/** The ids that events carry in a field of their data, in their order. */
export function namedIn(events: readonly Event[], type: IdType, field: string): string[] {
  return events.flatMap(({ data }) => decodeIdOf(type, String((data as Record<string, unknown>)[field])) ?? []);
}

/** The rows of these ids, in their order; without those that are gone. */
export function inOrder<Row extends { id: string }>(ids: readonly string[], rows: readonly Row[]): Row[] {
  const found = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => found.get(id) ?? []);
}
