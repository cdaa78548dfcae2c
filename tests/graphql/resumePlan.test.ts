import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Session } from '../../src/database/client.js';
import { encodeId } from '../../src/domain/id.js';
import { DOCUMENT_MAX_BYTES } from '../../src/domain/limits.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { appendEvents } from '../../src/store/event.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { saveState } from '../../src/store/savedState.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const PLAN = `query ($id: ID!, $maxEvents: Int) { session(by: { id: $id }) { resumePlan(maxEvents: $maxEvents) {
  session { id } source confidence checkpoint { id workState } savedState { version }
  events { type sequence data } commands { sequence action } nextSteps sizeBytes asOf
} } }`;
const planOf = async ({ id }: Session, variables: object = {}): Promise<Data> =>
  (await graphql.ask(PLAN, { id: encodeId('Session', id), ...variables })).session.resumePlan;

const append = async ({ id }: Session, count: number, event: object = {}) => {
  for (let left = count; left > 0; left -= 500) {
    const events = Array.from(
      { length: Math.min(left, 500) },
      () => ({ type: 'PROGRESS', level: 'INFO', ...event }) as const,
    );
    await appendEvents(graphql.store, graphql.caller, { sessionId: id, events });
  }
};
const log = async ({ id }: Session, count: number, occurredAt?: Date) => {
  for (let left = count; left > 0; left -= 500) {
    const commands = Array.from({ length: Math.min(left, 500) }, (_, i) => ({
      commandType: 'tool',
      action: `run ${i}`,
      success: true,
      source: 'AUTO' as const,
      occurredAt,
    }));
    await logCommands(graphql.store, graphql.caller, { sessionId: id, commands });
  }
};
const take = ({ id }: Session, picture: object) =>
  createCheckpoint(graphql.store, graphql.caller, {
    sessionId: id,
    type: 'MANUAL',
    trigger: 'MANUAL',
    workState: {},
    ...picture,
  });
const ago = (minutes: number) => new Date(graphql.store.now().getTime() - minutes * 60_000);

describe('the plan to resume a session', () => {
  it('rests on a checkpoint, and tells what came after it, the newest last', async () => {
    const session = await graphql.start(graphql.caller);
    await append(session, 2);
    await log(session, 2);
    const { checkpoint } = await take(session, { workState: { a: 1 }, pendingWork: ['x', 'y'] });
    await append(session, 2, { type: 'RESULT' });
    await log(session, 1);
    await saveState(graphql.store, graphql.caller, { sessionId: session.id, currentPhase: 'build' });
    const plan = await planOf(session);
    expect(plan).toMatchObject({
      session: { id: encodeId('Session', session.id) },
      source: 'CHECKPOINT',
      confidence: 100,
      checkpoint: { id: encodeId('Checkpoint', checkpoint.id), workState: { a: 1 } },
      savedState: { version: 1 },
      commands: [{ sequence: 3 }],
      nextSteps: ['x', 'y'],
    });
    expect(plan.events.map(({ type }: Data) => type)).toEqual(['RESULT', 'RESULT']);
    expect(plan.events[0].sequence).toBeLessThan(plan.events[1].sequence);
    const { project } = await graphql.ask('{ project { logPosition } }');
    expect(plan.asOf).toBe(project.logPosition);
  });

  it('rests on what was reported where there is no checkpoint, and grows old', async () => {
    const session = await graphql.start(graphql.caller);
    await log(session, 3);
    await append(session, 1, { occurredAt: ago(61) });
    expect(await planOf(session)).toMatchObject({
      source: 'EVENTS',
      confidence: 75,
      checkpoint: null,
      commands: [{ sequence: 1 }, { sequence: 2 }, { sequence: 3 }],
    });
  });

  it('rests on commands where nothing was reported: what the service writes of them tells nothing more', async () => {
    const session = await graphql.start(graphql.caller, { kind: 'SUPERVISOR' });
    await heartbeat(graphql.store, graphql.caller, { sessionId: session.id, contextPercent: 50 });
    await log(session, 1, ago(31));
    expect(await planOf(session)).toMatchObject({ source: 'COMMANDS', confidence: 65, events: [] });
  });

  it('rests on the registry where there is nothing else', async () => {
    const session = await graphql.start(graphql.caller, { currentEpic: 'epic-7' });
    expect(await planOf(session)).toMatchObject({
      source: 'REGISTRY',
      confidence: 40,
      events: [],
      commands: [],
      nextSteps: ['epic-7'],
    });
  });

  it('names as next steps what the checkpoint leaves, else where the saved state stands', async () => {
    const session = await graphql.start(graphql.caller, { currentEpic: 'epic-7' });
    await take(session, { pendingWork: [] });
    await saveState(graphql.store, graphql.caller, { sessionId: session.id, currentPhase: 'test', currentStep: 0 });
    expect((await planOf(session)).nextSteps).toEqual(['test, step 0']);
    await saveState(graphql.store, graphql.caller, {
      sessionId: session.id,
      expectedVersion: 1,
      currentPhase: null,
      currentStep: null,
    });
    expect((await planOf(session)).nextSteps).toEqual(['epic-7']);
  });

  it('loses confidence in a checkpoint with its age', async () => {
    for (const [minutes, confidence] of [
      [4, 100],
      [6, 90],
      [31, 80],
      [61, 70],
    ] as const) {
      const session = await graphql.start(graphql.caller);
      await take(session, { occurredAt: ago(minutes) });
      expect((await planOf(session)).confidence, `${minutes} minutes`).toBe(confidence);
    }
  });

  it.each([-1, 501])('is refused with maxEvents: %d', async (maxEvents) => {
    const session = await graphql.start(graphql.caller);
    const { extensions } = await graphql.refusal(PLAN, { id: encodeId('Session', session.id), maxEvents });
    expect(extensions).toMatchObject({ code: 'VALIDATION', issues: [{ path: 'maxEvents' }] });
  });
});

describe('the plan of a session of 10,000 events, 1,000 commands and 4 MiB of work', () => {
  const EVENT = { data: { text: 'x'.repeat(1000) } };
  const workState = { text: 'x'.repeat(DOCUMENT_MAX_BYTES - 100) };
  let session: Session;
  let small: Session;

  beforeAll(async () => {
    session = await graphql.start(graphql.caller);
    await take(session, { workState });
    await append(session, 10_000, EVENT);
    await log(session, 1000);
    small = await graphql.start(graphql.caller);
    await take(small, { workState: {} });
    await append(small, 1);
    await log(small, 1);
  }, 120_000);

  const cost = async (of: Session): Promise<number> => {
    graphql.statements.length = 0;
    await planOf(of);
    return graphql.statements.length;
  };

  it('takes as many statements as that of a small one', async () => {
    expect(await cost(session)).toBe(await cost(small));
    expect(await cost(session)).toBeLessThan(10);
  });

  it('has no more than maxEvents of each, and so many bytes', async () => {
    for (const maxEvents of [0, 1, 50, 500]) {
      const plan = await planOf(session, { maxEvents });
      expect([plan.events.length, plan.commands.length]).toEqual([maxEvents, maxEvents]);
      expect(plan.source).toBe('CHECKPOINT');
      expect(plan.sizeBytes).toBeGreaterThan(DOCUMENT_MAX_BYTES - 100 + maxEvents * 1000);
      expect(plan.sizeBytes).toBeLessThan(DOCUMENT_MAX_BYTES + 2000 + maxEvents * 3000);
    }
    const { events } = await planOf(session, { maxEvents: 2 });
    expect(events.map(({ sequence }: Data) => sequence)).toEqual([10_002, 10_003]);
  });

  it('is of one snapshot, whatever is written meanwhile', async () => {
    const { prisma } = graphql.database;
    const before = await planOf(small);
    const [reading] = await prisma.$transaction(async (db) => {
      // Holds the reader up between its statements.
      await db.$executeRaw`LOCK TABLE saved_states IN ACCESS EXCLUSIVE MODE`;
      const plan = planOf(small);
      const waiting = () =>
        prisma.$queryRaw`SELECT FROM pg_locks WHERE NOT granted AND relation = 'saved_states'::regclass`;
      await expect.poll(waiting).toHaveLength(1);
      await append(small, 1);
      await log(small, 1);
      return [plan];
    });
    expect(await reading).toEqual(before);
    expect((await planOf(small)).events).toHaveLength(2);
  });
});
