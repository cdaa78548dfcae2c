import type { LoggedEventFragment as LoggedEvent } from '../client/operation.js';
import type { EventLevel } from '../domain/event.js';
import { joined, second } from './format.js';
import { cell, type Cell, type Style } from './print.js';

const LEVEL_STYLES: Readonly<Partial<Record<EventLevel, Style>>> = { DEBUG: 'dim', WARN: 'yellow', ERROR: 'red' };

/** How wide the cells are where lines come one by one: room for the longest type, and for positions up to nine digits. */
export const EVENT_WIDTHS = [9, 20, 30, 21];

/** What a line shows of an entry of the log: position, time, session, type, and what it says but for what is null. */
export function eventCells({ position, occurredAt, session, type, name, level, toolName, data }: LoggedEvent): Cell[] {
  const said = JSON.stringify(data, (_, value: unknown) => value ?? undefined);
  return [
    cell(String(position)),
    cell(second(occurredAt), 'dim'),
    cell(session?.id),
    cell(type, LEVEL_STYLES[level]),
    cell(joined([name, toolName, said !== '{}' && said], ' ')),
  ];
}
