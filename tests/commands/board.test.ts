import { describe, expect, it } from 'vitest';
import type { WatchedSessionFragment as WatchedSession } from '../../src/client/operation.js';
import { SessionBoard } from '../../src/commands/board.js';
import { place, session, START } from '../support/board.js';

const STATES = ['BOOTING', 'WORKING', 'STALLED', 'ZOMBIE'] as const;

const boardOf = (sessions: readonly WatchedSession[], room?: number) => {
  const board = new SessionBoard({ states: STATES }, room);
  board.put(sessions, 0);
  return board;
};
const ids = (board: SessionBoard, ...rest: Parameters<SessionBoard['places']>) =>
  board.places(...rest).map(({ session: { id } }) => id);

/** So long at one and the same time. */
const silent = (silentSeconds: number, liveness: Partial<WatchedSession['liveness']> = {}) => {
  const lastActivityAt = new Date(Date.parse(START) - silentSeconds * 1000).toISOString();
  return { silentSeconds, lastActivityAt, ...liveness };
};

describe('a board', () => {
  it("counts silences on by the database's clock, whatever ours says", () => {
    const board = boardOf([session('a', {}, { silentSeconds: 30 })]);
    const [now, later] = [board.places(0)[0]!, board.places(12_000)[0]!];
    expect([now.silentSeconds, later.silentSeconds, later.ageSeconds - now.ageSeconds]).toEqual([30, 42, 12]);
    expect(board.time(12_000).getTime()).toBe(Date.parse(START) + 42_000);
  });

  it('begins a silence anew at each sign of life, and never moves it back', () => {
    const board = boardOf([session('a', {}, { silentSeconds: 30 })]);
    board.hear('a', board.time(5_000).toISOString());
    expect(board.places(7_000)[0]!.silentSeconds).toBe(2);
    board.hear('a', START);
    board.put([session('a', {}, { silentSeconds: 37 })], 7_000);
    expect(board.places(7_000)[0]!.silentSeconds).toBe(2);
  });

  it('shows first what needs attention, then those heard of lately, the newest first', () => {
    const board = boardOf([
      session('old', { state: 'WORKING', startedAt: '2026-01-01T00:00:00.000Z' }, silent(5)),
      session('new', { state: 'WORKING', startedAt: '2026-01-02T00:00:00.000Z' }, silent(90)),
      session('quiet', { state: 'WORKING' }, silent(700)),
      session('waiting', { state: 'WORKING' }, silent(5000, { waitingSince: START })),
      session('warned', { state: 'STALLED' }, silent(400, { escalationLevel: 0 })),
      session('terminated', { state: 'STALLED' }, silent(500, { escalationLevel: 3 })),
      session('zombie', { state: 'ZOMBIE' }, silent(900)),
    ]);
    expect(ids(board, 0)).toEqual(['zombie', 'terminated', 'warned', 'waiting', 'new', 'old', 'quiet']);
    expect(ids(board, 0, 'silence')[0]).toBe('waiting');
  });

  it('lets nobody jump for a beat', () => {
    const board = boardOf([session('a'), session('b'), session('c')]);
    const before = ids(board, 1_000);
    board.beat('c', { at: board.time(1_000).toISOString() });
    expect(ids(board, 1_000)).toEqual(before);
  });

  it('has news of what changes but for the silence', () => {
    const board = boardOf([session('a', {}, { silentSeconds: 1 })]);
    expect(board.put([session('a', {}, { silentSeconds: 0 })], 1)).toEqual([]);
    expect(board.put([session('a', { state: 'STALLED' }, { escalationLevel: 0 })], 2)).toEqual(['a']);
    expect(board.put([session('a', { state: 'STALLED' }, { escalationLevel: 1 })], 3)).toEqual(['a']);
  });

  it('takes from a beat what it says, and keeps it against what was read before', () => {
    const board = boardOf([session('a', { contextPercent: 10, activity: 'reading' })]);
    const at = board.time(5_000).toISOString();
    expect(board.beat('a', { at })).toBe(false);
    expect(board.beat('a', { at, contextPercent: 12, activity: null })).toBe(true);
    expect(board.beat('nobody', { at, contextPercent: 12 })).toBe(false);
    board.put(
      [session('a', { contextPercent: 10, activity: 'reading', title: 'read before' }, { silentSeconds: 6 })],
      6_000,
    );
    expect(board.places(6_000)[0]!.session).toMatchObject({
      contextPercent: 12,
      activity: 'reading',
      title: 'read before',
    });
    const lastHeartbeatAt = board.time(9_000).toISOString();
    board.put([session('a', { contextPercent: 3 }, { lastHeartbeatAt, silentSeconds: 9 })], 9_000);
    expect(board.places(9_000)[0]!.session.contextPercent).toBe(3);
  });

  it('shows who has ended for a last moment, where it stood', () => {
    const board = boardOf([session('a', { state: 'ZOMBIE' }), session('b')]);
    const end = { state: 'COMPLETED', endedAt: START, outcome: 'FAILURE' } as const;
    expect(board.put([session('a', end)], 1_000)).toEqual(['a']);
    board.sweep(5_900);
    expect(board.places(5_900).map(({ session: { id }, isLeaving }) => [id, isLeaving])).toEqual([
      ['a', true],
      ['b', false],
    ]);
    expect(board.more).toBe(0);
    board.sweep(6_000);
    expect(ids(board, 6_000)).toEqual(['b']);
    expect(board.put([session('stranger', end)], 6_000)).toEqual([]);
  });

  it('takes only who is wanted', () => {
    const run = { id: 'run_1', externalId: null };
    const board = new SessionBoard({ states: STATES, kinds: ['AGENT'], agentName: 'ada', runId: 'run_1' });
    const fits = session('a', { agentName: 'ada', run });
    const others = [
      { kind: 'WORKFLOW' as const },
      { agentName: 'bob' },
      { run: null },
      { state: 'SUSPENDED' as const },
    ];
    expect(board.put([fits, ...others.map((other, n) => ({ ...fits, id: `no${n}`, ...other }))], 0)).toEqual(['a']);
  });

  it('has room for so many, keeps those that need attention, and says how many more there are', () => {
    const board = boardOf([session('a'), session('b'), session('c', { state: 'ZOMBIE' })], 2);
    expect(ids(board, 0)).toHaveLength(2);
    expect(ids(board, 0)[0]).toBe('c');
    expect(board.more).toBe(1);
    board.count(9);
    expect([board.more, board.hasVacancies]).toEqual([7, false]);
    board.remove(['c']);
    expect(board.hasVacancies).toBe(true);
  });

  it('knows who is missing from a list', () => {
    const board = boardOf([session('a'), session('b')]);
    expect(board.missingFrom([session('b')])).toEqual(['a']);
    expect(board.placesOf(['a', 'nobody'], 0)).toEqual([place(session('a'))]);
  });
});
