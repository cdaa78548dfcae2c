import { describe, expect, it } from 'vitest';
import {
  checkBeats,
  checkClaims,
  checkHeard,
  checkLog,
  checkReception,
  checkSignals,
  checkWatch,
  type Check,
  type Item,
  type Placed,
} from './checker.js';
import type { Claim } from './ledger.js';

/** The names of the statements that do not hold, with where. */
const broken = (checks: readonly Check[]) =>
  Object.fromEntries(
    checks.filter(({ breaches }) => breaches.length > 0).map(({ name, breaches }) => [name, breaches]),
  );

const items = (...positions: number[]): Item[] =>
  positions.map((position) => ({ position, content: `entry ${position}` }));

const received = (...positions: number[]) =>
  broken(checkReception({ name: 'log', received: items(...positions), due: items(1, 2, 4, 5) }));

describe('what a subscriber received', () => {
  it('is right where it is what it was due', () => {
    expect(received(1, 2, 4, 5)).toEqual({});
  });

  it.each([
    ['in the middle', [1, 4, 5], 'position 2'],
    ['at the beginning', [2, 4, 5], 'position 1'],
    ['at the end', [1, 2, 4], 'position 5'],
  ])('is known to lack an entry %s', (_, positions, place) => {
    expect(received(...positions)).toEqual({ 'log: nothing is lost': [place] });
  });

  it.each([
    ['at once', [1, 2, 2, 4, 5], 'position 2, after 2'],
    ['later', [1, 2, 4, 2, 5], 'position 2, after 4'],
    ['with all that followed it', [1, 2, 4, 5, 5], 'position 5, after 5'],
  ])('is known to repeat an entry %s', (_, positions, place) => {
    expect(received(...positions)).toEqual({ 'log: nothing is repeated': [place] });
  });

  it('is known to be out of order', () => {
    expect(received(1, 4, 2, 5)).toEqual({ 'log: nothing is out of order': ['position 2, after 4'] });
  });

  it('is known to hold what was not due', () => {
    expect(received(1, 2, 3, 4, 5)).toEqual({ 'log: nothing comes that is not due': ['position 3: entry 3'] });
  });

  it('is known to say something else than what is written', () => {
    const changed = [...items(1, 2), { position: 4, content: 'another' }, ...items(5)];
    expect(broken(checkReception({ name: 'log', received: changed, due: items(1, 2, 4, 5) }))).toEqual({
      'log: all is as it is written': ['position 4: another instead of entry 4'],
    });
  });

  it('may stand as it was due or as it stood later', () => {
    const due = [{ position: 1, content: 'PENDING', later: 'RESOLVED' }];
    const check = (content: string) =>
      broken(checkReception({ name: 'log', received: [{ position: 1, content }], due }));
    expect(check('PENDING')).toEqual({});
    expect(check('RESOLVED')).toEqual({});
    expect(check('EXPIRED')).toHaveProperty(['log: all is as it is written']);
  });

  it('has each of its faults told where it has several', () => {
    expect(Object.keys(received(2, 1, 2, 3))).toHaveLength(4);
  });
});

describe('what was claimed', () => {
  const claim = (changes: Partial<Claim> = {}): Claim => {
    return {
      kind: 'event',
      mark: 'a',
      outcome: 'acknowledged',
      id: 'evt_a',
      position: 7,
      retried: true,
      sentAt: 0,
      ...changes,
    };
  };
  const trace = { kind: 'event', mark: 'a', id: 'evt_a', position: 7 } as const;
  const check = (
    changes: Partial<Claim>,
    ...traces: (typeof trace | { kind: 'event'; mark: string; id: string; position: number })[]
  ) => broken(checkClaims([claim(changes)], traces));

  it('holds where it is there as it was acknowledged', () => {
    expect(check({}, trace)).toEqual({});
  });

  it('is known to be missing', () => {
    expect(check({})).toEqual({
      'every acknowledged write is there': ['event a, acknowledged after a repetition at position 7'],
    });
  });

  it('is missing too where only another kind has its mark', () => {
    expect(check({ kind: 'command' }, trace)).toHaveProperty('every acknowledged write is there');
  });

  it('is known to be another one than was acknowledged', () => {
    expect(check({}, { ...trace, id: 'evt_b' })).toHaveProperty('every acknowledged write is what it was said to be');
    expect(check({}, { ...trace, position: 8 })).toHaveProperty('every acknowledged write is what it was said to be');
  });

  it.each(['acknowledged', 'unknown'] as const)('is known to be there twice where it is %s', (outcome) => {
    expect(check({ outcome }, trace, { ...trace, id: 'evt_b', position: 9 })).toHaveProperty('no write is there twice');
  });

  it('may be there once or not at all where nobody knows', () => {
    expect(check({ outcome: 'unknown' })).toEqual({});
    expect(check({ outcome: 'unknown' }, trace)).toEqual({});
  });

  it('is known to be there though it was refused', () => {
    expect(check({ outcome: 'refused' })).toEqual({});
    expect(check({ outcome: 'refused' }, trace)).toHaveProperty('no refused write is there');
  });
});

describe('the log', () => {
  /** `type session sequence`, at positions from 11 on. */
  const log = (...lines: string[]): Placed[] =>
    lines.map((line, index) => {
      const [type = '', session = '', sequence = ''] = line.split(' ');
      const position = 11 + index;
      return { id: `evt_${position}`, position, type, session: { id: session }, sequence: Number(sequence) };
    });
  const sessions = ['one', 'two'].map((id) => ({ id, conversation: 'chat', lastHeartbeatAt: null }));
  const check = (entries: readonly Placed[]) => broken(checkLog(entries, 10, sessions));
  const right = log('SESSION_STARTED one 1', 'PROGRESS one 2', 'SESSION_ENDED one 3', 'SESSION_STARTED two 1');

  it('is right where it counts without a gap and lives are lawful', () => {
    expect(check(right)).toEqual({});
  });

  it('may tell of sessions that began before', () => {
    expect(check(log('PROGRESS three 41', 'PROGRESS three 42'))).toEqual({});
  });

  it('is known to have a gap at its beginning or within', () => {
    expect(check(right.slice(1))).toHaveProperty('positions have no gap');
    expect(check(right.filter(({ position }) => position !== 12))).toHaveProperty('positions have no gap');
  });

  it('is known to have a gap in a session', () => {
    expect(check(log('SESSION_STARTED one 1', 'PROGRESS one 3'))).toEqual({
      'sequences have no gap, and each event is there once': ["position 12 is one's 3 after 1"],
    });
  });

  it('is known to hold an event twice', () => {
    const [first, second, ...rest] = right;
    expect(check([first!, { ...second!, id: first!.id }, ...rest])).toHaveProperty(
      'sequences have no gap, and each event is there once',
    );
  });

  it('is known to tell of two beginnings or two ends', () => {
    const name = 'a session starts once and ends once';
    expect(check(log('SESSION_STARTED one 1', 'SESSION_ENDED one 2', 'SESSION_STARTED one 3'))).toHaveProperty([name]);
    expect(check(log('SESSION_STARTED one 1', 'SESSION_ENDED one 2', 'SESSION_ENDED one 3'))).toHaveProperty([name]);
  });

  it('is known to tell of two open sessions of a conversation', () => {
    expect(check(log('SESSION_STARTED one 1', 'SESSION_STARTED two 1'))).toEqual({
      'a conversation has one open session at most': ['two starts in chat at position 12 while one is open'],
    });
  });
});

describe('what else was seen', () => {
  const at = (second: number) => `2026-01-01T00:00:0${second}.000Z`;

  it('is wrong where a heartbeat was forgotten', () => {
    const beats = [{ sessionId: 'one', at: at(5), answeredAt: 5_000 }];
    const last = (lastHeartbeatAt: string | null) => [{ id: 'one', conversation: null, lastHeartbeatAt }];
    expect(broken(checkBeats(beats, last(at(5))))).toEqual({});
    expect(broken(checkBeats(beats, last(at(6))))).toEqual({});
    expect(Object.keys(broken(checkBeats(beats, last(at(4)))))).toHaveLength(1);
    expect(Object.keys(broken(checkBeats(beats, last(null))))).toHaveLength(1);
  });

  it('is wrong where a session went back or did not end as it is written', () => {
    expect(broken(checkWatch('watch', items(1, 1, 3), 'entry 3'))).toEqual({});
    expect(Object.keys(broken(checkWatch('watch', items(1, 3, 2, 4), 'entry 4')))).toEqual(['watch: never goes back']);
    expect(Object.keys(broken(checkWatch('watch', items(1, 3), 'entry 4')))).toEqual([
      'watch: ends as the session does',
    ]);
    expect(Object.keys(broken(checkWatch('watch', [], 'entry 4')))).toEqual(['watch: ends as the session does']);
  });
});

describe('the signals of a session', () => {
  const check = (...seen: [string, number][]) =>
    broken(
      checkSignals(
        'signals',
        seen.map(([id, connection]) => ({ id, connection })),
        { sent: ['a', 'b', 'c'], due: ['a', 'b'] },
      ),
    );

  it('are right where each came, once on each connection', () => {
    expect(check(['a', 1], ['a', 2], ['b', 2])).toEqual({});
    expect(check(['a', 1], ['b', 1], ['c', 1])).toEqual({});
  });

  it('are known to lack one', () => {
    expect(check(['b', 1])).toEqual({ 'signals: nothing is lost': ['a'] });
  });

  it('are known to come twice on a connection', () => {
    expect(check(['a', 1], ['b', 1], ['a', 1])).toEqual({ 'signals: nothing is repeated': ['a on connection 1'] });
  });

  it('are known to hold one that was not sent', () => {
    expect(check(['a', 1], ['b', 1], ['d', 1])).toEqual({ 'signals: nothing comes that is not due': ['d'] });
  });
});

describe('the heartbeats that were heard', () => {
  const activities = new Map([['one', new Set(['reading', 'writing'])]]);
  const heard = (activity: string, second: number, { connection = 1, at = second } = {}) => {
    const stamp = new Date(at * 1_000).toISOString();
    return { connection, sessionId: 'one', at: stamp, activity, heardAt: second * 1_000 };
  };
  /** One is acknowledged in the middle of each of the first 40 seconds. */
  const beats = Array.from({ length: 40 }, (_, second) => {
    return { sessionId: 'one', at: new Date(second * 1_000).toISOString(), answeredAt: second * 1_000 + 500 };
  });
  const check = (list: ReturnType<typeof heard>[], faults: { from: number; until: number }[] = []) =>
    broken(checkHeard('beats', list, { activities, beats, faults }));
  const often = [5, 14, 23, 32].map((second) => heard('reading', second));

  it('are right where they were said, go on and never back', () => {
    expect(check(often)).toEqual({});
  });

  it('are known to say what nobody said', () => {
    expect(Object.keys(check([...often, heard('sleeping', 33)]))).toEqual([
      'beats: nothing is heard that was not said',
    ]);
  });

  it('are known to go back, but for another connection', () => {
    expect(Object.keys(check([...often, heard('reading', 33, { at: 3 })]))).toEqual(['beats: never goes back']);
    expect(check([...often, heard('reading', 33, { at: 3, connection: 2 })])).toEqual({});
  });

  it.each([
    ['in the middle', often.filter((_, index) => index !== 1 && index !== 2)],
    ['at the end', often.slice(0, 2)],
    ['at all', []],
  ])('are known to be missing %s', (_, list) => {
    expect(Object.keys(check(list))).toEqual(['beats: goes on after every fault']);
  });

  it('may be missing while there is a fault', () => {
    expect(check([heard('reading', 5), heard('reading', 32)], [{ from: 8_000, until: 28_000 }])).toEqual({});
  });
});
