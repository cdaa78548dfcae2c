import { afterAll, beforeAll, expect, it } from 'vitest';
import { mutation, openGraphql, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const PAYLOAD = `runs { id externalId status coordinator { externalId } agentCount }
  sessions { id externalId state startReason endReason outcome startedAt endedAt parent { externalId } spawnedBy { externalId }
    run { externalId } depth liveness { stalledSince escalationLevel } workspace { branchName } metadata }
  created unchanged position`;

const input = {
  source: 'elsewhere',
  runs: [
    {
      externalId: 'run',
      status: 'ACTIVE',
      coordinatorName: 'boss',
      coordinatorExternalId: 'boss',
      startedAt: '2024-01-01T00:00:00.000Z',
    },
  ],
  sessions: [
    {
      externalId: 'worker',
      agentName: 'worker',
      state: 'STALLED',
      stalledSince: '2024-01-01T00:10:00.000Z',
      escalationLevel: 2,
      startedAt: '2024-01-01T00:05:00.000Z',
      runExternalId: 'run',
      spawnedByExternalId: 'boss',
      workspace: { branchName: 'main' },
      metadata: { a: 1 },
    },
    {
      externalId: 'boss',
      agentName: 'boss',
      state: 'COMPLETED',
      startReason: 'SPAWNED',
      startedAt: '2024-01-01T00:00:00.000Z',
      endedAt: '2024-01-01T01:00:00.000Z',
      runExternalId: 'run',
    },
  ],
};

it('importSessions brings runs and sessions as they stood, and again changes nothing', async () => {
  const first = await graphql.act('importSessions', input, PAYLOAD);
  expect(first).toMatchObject({
    runs: [{ externalId: 'run', status: 'ACTIVE', coordinator: { externalId: 'boss' }, agentCount: 2 }],
    sessions: [
      {
        externalId: 'worker',
        state: 'STALLED',
        startReason: 'IMPORTED',
        startedAt: '2024-01-01T00:05:00.000Z',
        endedAt: null,
        spawnedBy: { externalId: 'boss' },
        run: { externalId: 'run' },
        depth: 1,
        liveness: { stalledSince: '2024-01-01T00:10:00.000Z', escalationLevel: 2 },
        workspace: { branchName: 'main' },
        metadata: { a: 1 },
      },
      {
        externalId: 'boss',
        state: 'COMPLETED',
        startReason: 'SPAWNED',
        endReason: 'FINISHED',
        outcome: 'UNKNOWN',
        endedAt: '2024-01-01T01:00:00.000Z',
      },
    ],
    created: 3,
    unchanged: 0,
  });
  expect(await graphql.act('importSessions', input, PAYLOAD)).toEqual({ ...first, created: 0, unchanged: 3 });
});

it('importSessions brings nothing of a call that is wrong in one place', async () => {
  const wrong = {
    ...input,
    sessions: [
      { externalId: 'right', state: 'WORKING', startedAt: '2024-01-01T00:00:00Z' },
      { externalId: 'wrong', state: 'COMPLETED', startedAt: '2024-01-01T00:00:00Z' },
    ],
  };
  const { extensions } = await graphql.refusal(mutation('importSessions', 'position'), { input: wrong });
  expect(extensions).toMatchObject({ code: 'VALIDATION', issues: [{ path: 'input.sessions.1.endedAt' }] });
  expect(await graphql.ask('{ session(by: { externalId: "right" }) { id } }')).toEqual({ session: null });
});
