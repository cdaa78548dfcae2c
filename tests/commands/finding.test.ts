import { describe, expect, it } from 'vitest';
import {
  hasFailed,
  judgeClock,
  judgeConnections,
  judgeDisk,
  judgeDurability,
  judgeMigrations,
  judgeNode,
  judgeVersion,
  ok,
  type Finding,
} from '../../src/commands/finding.js';

const durable = { fsync: 'on', fullPageWrites: 'on', synchronousCommit: 'on', isReadOnly: false };
const MIB = 1024 * 1024;

describe('the doctor', () => {
  it.each<[Finding['verdict'], Finding]>([
    ['ok', judgeNode('20.19.0')],
    ['ok', judgeNode('24.0.1')],
    ['fail', judgeNode('20.18.9')],
    ['fail', judgeNode('18.20.0')],
    ['ok', judgeVersion('15.0', 150_000)],
    ['fail', judgeVersion('14.9', 140_009)],
    ['ok', judgeMigrations({ expected: ['a'], applied: ['a'], failed: [] })],
    ['warn', judgeMigrations({ expected: ['a', 'b'], applied: ['a'], failed: [] })],
    ['fail', judgeMigrations({ expected: ['a', 'b'], applied: ['a'], failed: ['b'] })],
    ['fail', judgeMigrations({ expected: ['a'], applied: ['a', 'later'], failed: [] })],
    ['ok', judgeClock(900, 0)],
    ['ok', judgeClock(-1_400, 1_000)],
    ['warn', judgeClock(-1_400, 100)],
    ['fail', judgeClock(61_000, 100)],
    ['ok', judgeConnections({ usable: 97, taken: 30, wanted: 23 })],
    ['warn', judgeConnections({ usable: 97, taken: 90, wanted: 23 })],
    ['fail', judgeConnections({ usable: 20, taken: 0, wanted: 23 })],
    ['ok', judgeDurability(durable)],
    ['warn', judgeDurability({ ...durable, synchronousCommit: 'off' })],
    ['fail', judgeDurability({ ...durable, isReadOnly: true })],
    ['ok', judgeDisk('/data', 5_000 * MIB)],
    ['warn', judgeDisk('/data', 1_000 * MIB)],
    ['fail', judgeDisk('/data', 100 * MIB)],
  ])('says %s of %j', (verdict, finding) => {
    expect(finding.verdict).toBe(verdict);
    // Whoever is told that something is wrong is told what to do.
    expect(finding.advice === null).toBe(verdict === 'ok');
  });

  it('finds a server wanting only where something failed', () => {
    const warned = judgeDisk('/data', 1_000 * MIB);
    expect(hasFailed([ok('node', '24'), warned])).toBe(false);
    expect(hasFailed([warned, judgeNode('18.0.0')])).toBe(true);
  });
});
