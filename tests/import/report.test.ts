import { expect, it } from 'vitest';
import { Report } from '../../src/import/report.js';

it('names the first twenty of a kind and counts the rest', () => {
  const report = new Report();
  for (let line = 1; line <= 23; line++) report.skips.push({ kind: 'skip', file: '/f', line, reason: 'is not JSON' });
  const [, heading, ...named] = report.lines();
  expect(heading).toBe('skipped: 23');
  expect(named).toHaveLength(21);
  expect([named[0], named[19], named[20]]).toEqual(['  /f:1 is not JSON', '  /f:20 is not JSON', '  and 3 more']);
});

it('counts in one line what was brought', () => {
  const report = new Report();
  Object.assign(report, { sessions: 2, known: 1, events: 1234, commands: 1, checkpoints: 0 });
  expect(report.lines()).toEqual([
    expect.stringMatching(
      /^2 sessions started, 1 known before; 1,234 events, 1 command and 0 checkpoints recorded in .* s \(\d+ events\/s\)$/,
    ),
  ]);
});

it('has a heading for each thing that went otherwise than hoped, and none where all went well', () => {
  const report = new Report();
  expect(report.lines()).toHaveLength(1);
  report.countLate('a', 0);
  expect(report.lines()).toHaveLength(1);
  report.countLate('a', 1);
  report.countLate('a', 2);
  report.outside.push('b');
  report.refusals.push({ file: '/f', reason: 'No.' });
  expect(report.lines().slice(1)).toEqual([
    'left out: 1',
    '  3 events of session a: it had ended before',
    'outside their run, which had been completed before: 1',
    '  session b',
    'given up: 1',
    '  /f: No.',
  ]);
});
