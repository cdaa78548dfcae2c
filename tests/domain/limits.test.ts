import { describe, expect, it } from 'vitest';
import * as limits from '../../src/domain/limits.js';
import { complaints, issuesOf } from '../support/complaint.js';

const {
  checkCount,
  checkInstanceId,
  checkInstant,
  checkKey,
  checkName,
  checkNote,
  checkPast,
  checkRange,
  checkTitle,
  Issues,
} = limits;

type TextCheck = typeof checkName;
const messageOf = (check: TextCheck, text: string | null | undefined) =>
  issuesOf((issues) => check(issues, 'field', text))
    .map(({ message }) => message)
    .join('; ');

describe('the limits', () => {
  it('are those of the domain’s description', () => {
    expect(limits).toMatchObject({
      NAME_MAX_CHARACTERS: 128,
      KEY_MAX_CHARACTERS: 200,
      TITLE_MAX_CHARACTERS: 512,
      NOTE_MAX_CHARACTERS: 4096,
      JSON_MAX_BYTES: 262_144,
      DOCUMENT_MAX_BYTES: 4_194_304,
      REQUEST_MAX_BYTES: 8_388_608,
      EVENTS_MAX_PER_CALL: 500,
      COMMANDS_MAX_PER_CALL: 500,
      HEARTBEATS_MAX_PER_CALL: 1000,
      NODES_MAX_PER_CALL: 500,
      PAGE_DEFAULT_SIZE: 50,
      PAGE_MAX_SIZE: 500,
    });
  });
});

describe('issues', () => {
  it('throw nothing where there are none', () => {
    expect(() => new Issues().throwIfAny()).not.toThrow();
  });

  it('are told all at once, each with its path, in the order in which they were found', () => {
    const found = issuesOf((issues) => {
      checkName(issues, 'agentName', '');
      checkTitle(issues, 'title', 'fine');
      checkNote(issues, 'note', '\0');
    });
    expect(found).toEqual([
      { path: 'agentName', message: 'must not be empty' },
      { path: 'note', message: 'must not hold U+0000' },
    ]);
  });

  it('are told up to a number that somebody reads', () => {
    const found = complaints((issues) => {
      for (let i = 0; i < 2000; i += 1) checkName(issues, `events.${i}.name`, '');
    });
    expect(found).toHaveLength(20);
    expect(found[0]).toBe('events.0.name');
  });
});

describe.each([
  ['a name', checkName, 128],
  ['a key', checkKey, 200],
  ['a title', checkTitle, 512],
  ['a note', checkNote, 4096],
] as const)('%s', (_, check, max) => {
  it('is taken where it is absent', () => {
    expect(messageOf(check, undefined)).toBe('');
    expect(messageOf(check, null)).toBe('');
  });

  it.each(['x', 'é', '😀', '\u202e', '\ufffe', '\u{10ffff}'])('is counted in code points: %s', (character) => {
    expect(messageOf(check, character.repeat(max))).toBe('');
    expect(messageOf(check, character.repeat(max + 1))).toBe(`must have at most ${max} characters`);
    expect(messageOf(check, character.repeat(10 * max))).toBe(`must have at most ${max} characters`);
  });

  it('counts code points where pairs and others mix', () => {
    expect(messageOf(check, '😀' + 'x'.repeat(max - 1))).toBe('');
    expect(messageOf(check, '😀' + 'x'.repeat(max))).toBe(`must have at most ${max} characters`);
  });

  it('holds no U+0000 and no half of a surrogate pair', () => {
    expect(messageOf(check, 'a\0b')).toBe('must not hold U+0000');
    expect(messageOf(check, '\ud800')).toBe('must not hold half a surrogate pair');
    expect(messageOf(check, 'a\udc00\ud800b')).toBe('must not hold half a surrogate pair');
  });

  it('holds text of every script and meaning', () => {
    for (const text of ["'; DROP TABLE sessions; --", '👩‍👩‍👧', '<b>%s</b> ${x}', 'שלום', ' ', '\u2028']) {
      expect(messageOf(check, text)).toBe('');
    }
  });
});

describe.each([
  ['a name', checkName],
  ['a key', checkKey],
] as const)('%s', (_, check) => {
  it('is not empty', () => {
    expect(messageOf(check, '')).toBe('must not be empty');
  });

  it.each(['\n', '\t', '\u0001', '\u001b', '\u007f', '\u0085', '\u009f'])(
    'holds no control character: %j',
    (character) => {
      expect(messageOf(check, `a${character}b`)).toBe('must not hold control characters');
    },
  );
});

describe.each([
  ['a title', checkTitle],
  ['a note', checkNote],
] as const)('%s', (_, check) => {
  it('may be empty and may have line breaks and tabs', () => {
    expect(messageOf(check, '')).toBe('');
    expect(messageOf(check, 'a\r\nb\tc')).toBe('');
  });
});

describe('an instance id', () => {
  it.each([null, undefined, 'odin-PS-6dff3b', `${'a'.repeat(118)}-MS-abc123`])('is taken: %s', (text) => {
    expect(messageOf(checkInstanceId, text)).toBe('');
  });

  it('is refused in another form', () => {
    expect(messageOf(checkInstanceId, 'UPPER-PS-abc123')).toMatch(/^must be <name>-PS-/);
    expect(messageOf(checkInstanceId, '')).toMatch(/^must be <name>-PS-/);
    expect(messageOf(checkInstanceId, 'odin-PS-6dff3b\0')).toMatch(/^must be <name>-PS-/);
  });

  it('is refused with 129 characters', () => {
    expect(messageOf(checkInstanceId, `${'a'.repeat(119)}-PS-abc123`)).toBe('must have at most 128 characters');
  });
});

describe('a number', () => {
  const fits = (value: number | null | undefined) =>
    complaints((issues) => checkRange(issues, 'contextPercent', value, 0, 100)).length === 0;

  it.each([undefined, null, 0, -0, 0.1, 99.9, 100])('is taken within its range, or absent: %s', (value) => {
    expect(fits(value)).toBe(true);
  });

  it.each([-0.1, 100.1, 101, NaN, Infinity, -Infinity])('is refused beyond it: %s', (value) => {
    expect(fits(value)).toBe(false);
  });
});

describe('a list', () => {
  const messages = (length: number | null) =>
    issuesOf((issues) => checkCount(issues, 'events', length === null ? null : Array(length).fill(0), 500)).map(
      ({ message }) => message,
    );

  it.each([null, 1, 500])('is taken with 1 to its maximum of entries, or absent: %s', (length) => {
    expect(messages(length)).toEqual([]);
  });

  it.each([0, 501])('is refused with %i', (length) => {
    expect(messages(length)).toEqual([`must have from 1 to 500 entries, not ${length}`]);
  });
});

describe('a time', () => {
  const NOW = new Date('2026-03-01T12:00:00.000Z');
  const instant = (time: Date | null | undefined) => complaints((issues) => checkInstant(issues, 'since', time)).length;
  const past = (time: Date | null | undefined) =>
    complaints((issues) => checkPast(issues, 'occurredAt', time, NOW)).length;

  it.each([null, undefined, '0001-01-01T00:00:00.000Z', '2026-03-01T12:00:00.000Z', '9999-12-31T23:59:59.999Z'])(
    'is taken from the years 0001 to 9999, or absent: %s',
    (time) => {
      expect(instant(time ? new Date(time) : null)).toBe(0);
    },
  );

  it.each(['0000-12-31T23:59:59.999Z', '-000001-01-01T00:00:00.000Z', '+010000-01-01T00:00:00.000Z', 'yesterday'])(
    'is refused beyond them: %s',
    (time) => {
      expect(instant(new Date(time))).toBe(1);
      expect(past(new Date(time))).toBeGreaterThan(0);
    },
  );

  it('of the past is not to come, but for what clocks differ by', () => {
    const later = (ms: number) => new Date(NOW.getTime() + ms);
    expect([null, undefined, later(-1e12), later(-1), NOW, later(5000)].map(past)).toEqual([0, 0, 0, 0, 0, 0]);
    expect([later(5001), later(86_400_000)].map(past)).toEqual([1, 1]);
  });
});
