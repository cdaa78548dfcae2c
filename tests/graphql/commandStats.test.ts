import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeId } from '../../src/domain/id.js';
import { logCommands, type CommandInput } from '../../src/store/command.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const STATS = `query ($id: ID!) { session(by: { id: $id }) { commandStats {
  count failed successRate averageMs p95Ms maxMs slowerThan5s byTool { toolName count failed averageMs maxMs }
} } }`;

async function statsOf(commands: Pick<CommandInput, 'success' | 'executionTimeMs' | 'toolName'>[]): Promise<Data> {
  const { store, caller, start } = graphql;
  const { id } = await start(caller);
  const whole = commands.map((command) => ({
    commandType: 'tool',
    action: 'run',
    source: 'AUTO' as const,
    ...command,
  }));
  if (whole.length > 0) await logCommands(store, caller, { sessionId: id, commands: whole });
  return (await graphql.ask(STATS, { id: encodeId('Session', id) })).session.commandStats;
}

const average = (times: number[]) =>
  times.length === 0 ? null : times.reduce((sum, time) => sum + time, 0) / times.length;
const longest = (times: number[]) => (times.length === 0 ? null : Math.max(...times));

/** 95 of 100 are at most so long, interpolated between the two nearest. */
function p95(times: number[]): number | null {
  const sorted = times.toSorted((a, b) => a - b);
  const at = 0.95 * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === undefined || high === undefined ? null : low + (high - low) * (at - Math.floor(at));
}

describe('the command stats of a session', () => {
  it('are those of a naive computation', async () => {
    // Numbers without a pattern, the same in every run.
    const commands = Array.from({ length: 300 }, (_, i) => ({
      success: (i * 7919) % 11 !== 0,
      executionTimeMs: i % 13 === 0 ? null : (i * 104_729) % 9000,
      toolName: [null, 'Bash', 'Read', 'Edit', 'Bash'][i % 5]!,
    }));
    const timesOf = (list: typeof commands) => list.flatMap(({ executionTimeMs }) => executionTimeMs ?? []);
    const failedOf = (list: typeof commands) => list.filter(({ success }) => !success).length;
    const stats = await statsOf(commands);
    expect(stats).toEqual({
      count: 300,
      failed: failedOf(commands),
      successRate: (300 - failedOf(commands)) / 300,
      averageMs: expect.closeTo(average(timesOf(commands))!, 6),
      p95Ms: expect.closeTo(p95(timesOf(commands))!, 6),
      maxMs: longest(timesOf(commands)),
      slowerThan5s: timesOf(commands).filter((time) => time > 5000).length,
      byTool: ['Bash', 'Edit', 'Read'].map((toolName) => {
        const own = commands.filter((command) => command.toolName === toolName);
        return {
          toolName,
          count: own.length,
          failed: failedOf(own),
          averageMs: expect.closeTo(average(timesOf(own))!, 6),
          maxMs: longest(timesOf(own)),
        };
      }),
    });
  });

  it('have no rate, no times and no tools where there are no commands', async () => {
    expect(await statsOf([])).toEqual({
      count: 0,
      failed: 0,
      successRate: null,
      averageMs: null,
      p95Ms: null,
      maxMs: null,
      slowerThan5s: 0,
      byTool: [],
    });
  });

  it('have no times where no command says how long it took, and count exactly 5 s as not slower', async () => {
    expect(await statsOf([{ success: true }, { success: false }])).toMatchObject({
      count: 2,
      successRate: 0.5,
      averageMs: null,
      maxMs: null,
    });
    expect(await statsOf([{ success: true, executionTimeMs: 5000 }])).toMatchObject({ slowerThan5s: 0, p95Ms: 5000 });
  });
});
