import { describe, expect, it } from 'vitest';
import { statementNames } from '../../src/database/statement.js';

describe('the name of a statement', () => {
  it('is given to what comes often, and stays', () => {
    const nameOf = statementNames();
    const names = Array.from({ length: 5 }, () => nameOf({ sql: 'SELECT 1' }));
    expect(names.slice(0, 2)).toEqual(['', '']);
    expect(new Set(names.slice(2))).toEqual(new Set(['lifeline_read_0']));
  });

  it('is that of no other', () => {
    const nameOf = statementNames();
    const often = (sql: string) => Array.from({ length: 3 }, () => nameOf({ sql })).at(-1);
    expect(often('SELECT 1')).not.toBe(often('SELECT 2'));
  });

  it('is given to so many only as a connection can keep', () => {
    const nameOf = statementNames();
    const names = new Set<string>();
    for (let i = 0; i < 3_000; i++) names.add(nameOf({ sql: `SELECT ${i % 1_000}` }));
    expect(names.size).toBe(501);
  });

  it('is given to none of many that never come again', () => {
    const nameOf = statementNames();
    for (let i = 0; i < 20_000; i++) expect(nameOf({ sql: `SELECT ${i}` })).toBe('');
  });
});
