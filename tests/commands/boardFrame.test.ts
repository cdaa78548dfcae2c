import { describe, expect, it } from 'vitest';
import { frame, roomFor, scrolled, type Scene } from '../../src/commands/boardFrame.js';
import { place, session, START } from '../support/board.js';

const terminal = (columns: number, rows: number) => {
  const output = {
    isTTY: true,
    columns,
    rows,
    writable: true,
    getColorDepth: () => 1,
    write: () => true,
    on: () => output,
  };
  return output as unknown as NodeJS.WriteStream;
};

const scene: Scene = {
  url: 'http://127.0.0.1:4000/graphql',
  connection: 'live',
  position: 1234,
  places: [
    place(session('ada', { state: 'STALLED' }, { escalationLevel: 1 }), { silentSeconds: 312, ageSeconds: 4000 }),
    place(session('bob', { contextPercent: 81.4, activity: 'reads\nthe \u001b[31mlog', currentEpic: 'E-7' })),
    place(session('cy', { run: { id: 'run_1', externalId: 'nightly' } }, { waitingSince: START })),
    place(session('dee', { state: 'COMPLETED', endedAt: START, endReason: 'FINISHED', outcome: 'SUCCESS' }), {
      isLeaving: true,
    }),
  ],
  more: 0,
  order: 'attention',
  offset: 0,
};

describe('the screen', () => {
  it('shows who is how silent, and what each one does', () => {
    expect(frame(scene, terminal(100, 9))).toEqual([
      'lifeline  live  position 1,234  http://127.0.0.1:4000/graphql',
      '3 sessions  2 WORKING  1 STALLED  1 waiting',
      'STATE      LEVEL      SILENT   CONTEXT  AGE      NAME  RUN      ACTIVITY',
      'STALLED    nudge      5m 12s            1h 6m    ada',
      'WORKING               0s       81 %     0s       bob            reads the [31mlog · epic E-7',
      'WORKING    waiting    0s                0s       cy    nightly',
      'COMPLETED                               0s       dee            FINISHED, SUCCESS',
      '',
      'q quit  ↑↓ scroll  s sort: attention',
    ]);
  });

  it('scrolls what has no room, and says where that is', () => {
    const lines = frame({ ...scene, offset: 1, more: 1500 }, terminal(80, 6));
    expect(lines).toHaveLength(6);
    expect(lines.slice(3, 5).map((line) => line.split(/\s+/)[0])).toEqual(['WORKING', 'WORKING']);
    expect(lines[1]).toMatch(/^1,503 sessions/);
    expect(lines[5]).toMatch(/2–3 of 4 {2}and 1,500 more$/);
    expect(frame({ ...scene, offset: Infinity }, terminal(80, 6))[4]).toMatch(/^COMPLETED/);
  });

  it.each([
    [1, 1],
    [10, 2],
    [30, 4],
    [60, 20],
  ])('is never larger than a terminal of %i by %i', (columns, rows) => {
    const lines = frame(scene, terminal(columns, rows));
    expect(lines.length).toBeLessThanOrEqual(rows);
    expect(Math.max(...lines.map(({ length }) => length))).toBeLessThanOrEqual(columns);
  });

  it('never scrolls beyond its ends', () => {
    expect([scrolled(-1, 9, 4), scrolled(3, 9, 4), scrolled(99, 9, 4), scrolled(2, 3, 4)]).toEqual([0, 3, 5, 0]);
    expect(roomFor(2)).toBe(0);
  });
});
