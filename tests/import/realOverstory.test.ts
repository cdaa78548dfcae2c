import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readOverstory } from '../../src/import/overstory.js';
import { hasRealOverstory, REAL_OVERSTORY } from '../support/overstory.js';

describe.skipIf(!hasRealOverstory)('the files that overstory has written', () => {
  const read = (name: string) => readOverstory(join(REAL_OVERSTORY, name));
  const count = (states: string[]) =>
    Object.fromEntries(states.map((state) => [state, states.filter((s) => s === state).length]));

  it('are a database of 16 sessions in 2 runs', async () => {
    const { runs, sessions } = await read('sessions.db');
    expect(runs).toEqual([
      {
        externalId: 'run-2026-02-14T09-00-00-000Z',
        status: 'COMPLETED',
        startedAt: '2026-02-14T09:00:00.000Z',
        completedAt: '2026-11-20T11:02:04.702Z',
        coordinatorName: 'coordinator',
        coordinatorExternalId: 'session-1771059600000-coordinator',
      },
      {
        externalId: 'run-2026-02-14T13-30-00-000Z',
        status: 'ACTIVE',
        startedAt: '2026-02-14T13:30:00.000Z',
        completedAt: null,
        coordinatorName: 'coordinator-2',
        coordinatorExternalId: 'session-1771075800000-coordinator-2',
      },
    ]);
    expect(sessions).toHaveLength(16);
    expect(count(sessions.map(({ state }) => state))).toEqual({
      COMPLETED: 10,
      ZOMBIE: 1,
      WORKING: 3,
      STALLED: 1,
      BOOTING: 1,
    });
    expect(sessions.map(({ runExternalId }) => runExternalId)).toEqual([
      ...Array<string>(11).fill('run-2026-02-14T09-00-00-000Z'),
      ...Array<string>(5).fill('run-2026-02-14T13-30-00-000Z'),
    ]);
    expect(sessions.find(({ agentName }) => agentName === 'builder-chart')).toMatchObject({
      state: 'STALLED',
      taskId: 'bd-303',
      stalledSince: '2026-02-14T14:23:00.000Z',
      escalationLevel: 1,
      spawnedByExternalId: 'session-1771075920000-lead-ui',
      lastActivityAt: '2026-02-14T14:18:00.000Z',
      workspace: { pid: 4281, tmuxSession: 'overstory-builder-chart' },
    });
  });

  it('are a list of 11 sessions that says the same of the first run', async () => {
    const { sessions: rows } = await read('sessions.db');
    const { runs, sessions } = await read('sessions.json');
    expect(runs).toEqual([]);
    expect(sessions).toHaveLength(11);
    expect(sessions).toEqual(rows.slice(0, 11).map((row) => ({ ...row, runExternalId: null })));
  });

  it('tell every row as a stranger would read it', async () => {
    const rows = JSON.parse(await readFile(join(REAL_OVERSTORY, 'sessions.json'), 'utf8')) as Record<string, unknown>[];
    const { sessions } = await read('sessions.json');
    const idOf = (name: unknown) => rows.find(({ agentName }) => agentName === name)?.id ?? null;
    expect(
      sessions.map((one) => [
        one.externalId,
        one.agentName,
        one.state,
        one.taskId,
        one.startedAt,
        one.lastActivityAt,
        one.spawnedByExternalId,
      ]),
    ).toEqual(
      rows.map((row) => [
        row.id,
        row.agentName,
        String(row.state).toUpperCase(),
        row.beadId,
        row.startedAt,
        row.lastActivity,
        idOf(row.parentAgent),
      ]),
    );
  });
});
