import { LIFECYCLE_STATES } from '../domain/session.js';
import type { Order, Place } from './board.js';
import type { ConnectionState } from './boardFeed.js';
import { BOARD_HEADING, boardRow } from './boardRow.js';
import { counted } from './format.js';
import { aligned, cell, type Cell } from './print.js';
import { STATE_STYLES } from './sessionRow.js';

/** All that a screen shows. */
export interface Scene {
  readonly url: string;
  readonly connection: ConnectionState;
  readonly position: number;
  readonly places: readonly Place[];
  /** How many sessions there are besides. */
  readonly more: number;
  readonly order: Order;
  /** How many places are scrolled past; `scrolled` holds it within bounds. */
  readonly offset: number;
}

/** The lines above and below the places. */
const HEAD_LINES = 3;
const FOOT_LINES = 1;

// So that columns do not jump with every state: room for the longest one, for a level and for times.
const MIN_WIDTHS = [9, 9, 7, 7, 7];

/** How many places a screen of so many lines has room for. */
export function roomFor(lines: number): number {
  return Math.max(0, lines - HEAD_LINES - FOOT_LINES);
}

/** The offset after a movement: never beyond the first or the last page. */
export function scrolled(offset: number, count: number, room: number): number {
  return Math.max(0, Math.min(offset, count - room));
}

/** The lines of the screen, as many as it has at most. */
export function frame(scene: Scene, output: NodeJS.WriteStream): string[] {
  const lines = output.rows;
  const room = roomFor(lines);
  const offset = scrolled(scene.offset, scene.places.length, room);
  const rows = scene.places.map(boardRow);
  const widths = BOARD_HEADING.map((name, column) =>
    rows.reduce(
      (width, row) => Math.max(width, row[column]?.text.length ?? 0),
      Math.max(name.length, MIN_WIDTHS[column] ?? 0),
    ),
  );
  const shown = rows.slice(offset, offset + room).map((row) => aligned(row, widths, output));
  const head = [titleCells(scene), countCells(scene)].map((cells) => aligned(cells, [], output));
  const heading = aligned(
    BOARD_HEADING.map((name) => cell(name, 'dim')),
    widths,
    output,
  );
  const blank = Array<string>(room - shown.length).fill('');
  const foot = aligned(footCells(scene, offset, shown.length), [], output);
  return [...head, heading, ...shown, ...blank, foot].slice(0, lines);
}

function titleCells({ url, connection, position }: Scene): Cell[] {
  return [
    cell('lifeline', 'bold'),
    cell(connection, connection === 'live' ? 'green' : 'red'),
    cell(`position ${position.toLocaleString('en')}`),
    cell(url, 'dim'),
  ];
}

function countCells({ places, more }: Scene): Cell[] {
  const staying = places.filter(({ isLeaving }) => !isLeaving).map(({ session }) => session);
  const waiting = staying.filter(({ liveness }) => liveness.waitingSince !== null).length;
  return [
    cell(counted(staying.length + more, 'session')),
    ...LIFECYCLE_STATES.flatMap((state) => {
      const count = staying.filter((session) => session.state === state).length;
      return count === 0 ? [] : [cell(`${count} ${state}`, STATE_STYLES[state])];
    }),
    ...(waiting > 0 ? [cell(`${waiting} waiting`, 'blue')] : []),
  ];
}

function footCells({ places, more, order }: Scene, offset: number, shown: number): Cell[] {
  const keys = ['q quit', '↑↓ scroll', `s sort: ${order}`].map((key) => cell(key, 'dim'));
  const isWhole = shown === places.length;
  return [
    ...keys,
    ...(isWhole ? [] : [cell(`${offset + Math.min(1, shown)}–${offset + shown} of ${places.length}`)]),
    ...(more > 0 ? [cell(`and ${more.toLocaleString('en')} more`)] : []),
  ];
}
