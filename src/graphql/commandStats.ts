import { batched } from './batch.js';
import { builder } from './builder.js';
import type { Context } from './context.js';

interface Stats {
  count: number;
  failed: number;
  averageMs: number | null;
  maxMs: number | null;
}

interface ToolStats extends Stats {
  toolName: string;
}

interface CommandStats extends Stats {
  p95Ms: number | null;
  slowerThan5s: number;
  byTool: ToolStats[];
}

interface Row extends Omit<CommandStats, 'byTool'> {
  sessionId: string;
  toolName: string | null;
  isTotal: boolean;
}

const NONE: CommandStats = {
  count: 0,
  failed: 0,
  averageMs: null,
  p95Ms: null,
  maxMs: null,
  slowerThan5s: 0,
  byTool: [],
};

/** What the commands of a session come to; undefined where it has none. One statement for all sessions of a page. */
const commandStats = batched(async (sessionIds: string[], { store, caller }: Context) => {
  // The sum of all and the sums by tool are two groupings of one read; only the grouping tells the sum of all from that of
  // the commands without a tool.
  const rows = await store.database.prisma.$queryRaw<Row[]>`
    SELECT session_id AS "sessionId", tool_name AS "toolName", grouping(tool_name) = 1 AS "isTotal",
      count(*)::int AS "count", count(*) FILTER (WHERE NOT success)::int AS "failed",
      avg(execution_time_ms)::float8 AS "averageMs", max(execution_time_ms) AS "maxMs",
      percentile_cont(0.95) WITHIN GROUP (ORDER BY execution_time_ms) AS "p95Ms",
      count(*) FILTER (WHERE execution_time_ms > 5000)::int AS "slowerThan5s"
    FROM commands
    WHERE project_id = ${caller.projectId}::uuid AND session_id = ANY (${sessionIds}::uuid[])
    GROUP BY GROUPING SETS ((session_id), (session_id, tool_name))
    ORDER BY count(*) DESC, tool_name`;
  const stats = new Map<string, CommandStats>();
  for (const { sessionId, isTotal, toolName, ...counts } of rows) {
    const known = stats.get(sessionId) ?? { ...NONE, byTool: [] };
    if (isTotal) Object.assign(known, counts);
    else if (toolName !== null) known.byTool.push({ toolName, ...counts });
    stats.set(sessionId, known);
  }
  return stats;
});

const COUNT = 'How many there are.';
const FAILED = 'How many of them failed.';
const AVERAGE = 'How long they took on average, in milliseconds; null where none says how long.';
const LONGEST = 'How long the slowest took, in milliseconds; null where none says how long.';

const ToolStats = builder.objectRef<ToolStats>('ToolStats').implement({
  description: 'What the commands of one tool come to.',
  fields: (t) => ({
    toolName: t.exposeString('toolName', { description: 'The tool.' }),
    count: t.exposeInt('count', { description: COUNT }),
    failed: t.exposeInt('failed', { description: FAILED }),
    averageMs: t.exposeFloat('averageMs', { nullable: true, description: AVERAGE }),
    maxMs: t.exposeInt('maxMs', { nullable: true, description: LONGEST }),
  }),
});

const CommandStats = builder.objectRef<CommandStats>('CommandStats').implement({
  description: 'What the commands of a session come to.',
  fields: (t) => ({
    count: t.exposeInt('count', { description: COUNT }),
    failed: t.exposeInt('failed', { description: FAILED }),
    successRate: t.float({
      nullable: true,
      description: 'The share of them that succeeded, 0 to 1; null where there are none.',
      resolve: ({ count, failed }) => (count === 0 ? null : (count - failed) / count),
    }),
    averageMs: t.exposeFloat('averageMs', { nullable: true, description: AVERAGE }),
    p95Ms: t.exposeFloat('p95Ms', {
      nullable: true,
      description:
        'What 95 of 100 did not exceed, in milliseconds, interpolated between two; null where none says how long.',
    }),
    maxMs: t.exposeInt('maxMs', { nullable: true, description: LONGEST }),
    slowerThan5s: t.exposeInt('slowerThan5s', { description: 'How many of them took longer than 5 seconds.' }),
    byTool: t.field({
      type: [ToolStats],
      description: 'The same for each tool, the most used first. Commands without a tool are not among them.',
      resolve: ({ byTool }) => byTool,
    }),
  }),
});

builder.prismaObjectField('Session', 'commandStats', (t) =>
  t.field({
    type: CommandStats,
    description: 'What its commands come to, computed when it is asked for.',
    resolve: async ({ id }, _, context, info) => (await commandStats(id, context, info)) ?? NONE,
  }),
);
