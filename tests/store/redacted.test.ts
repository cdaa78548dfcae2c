// Through every door by which a caller's JSON, or the words of a machine, come in: what is secret is in no column of no table.
import { afterAll, describe, expect, test } from 'vitest';
import { requestApproval, resolveApproval } from '../../src/store/approval.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { completeHandoff, initiateHandoff } from '../../src/store/handoff.js';
import { importSessions } from '../../src/store/import.js';
import { restoreCheckpoint } from '../../src/store/restore.js';
import { createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { updateSession } from '../../src/store/session.js';
import { sendSignal } from '../../src/store/signal.js';
import type { Caller } from '../../src/store/store.js';
import { FORMS, KEY_LINES, PASSWORD, SECRETS } from '../support/secret.js';
import { query } from '../support/sql.js';
import { openStore } from '../support/store.js';

const { store, newCaller, start, url, ...fixture } = await openStore();
afterAll(() => fixture[Symbol.asyncDispose]());

const NAMED = 'zebra-42-lantern';
const NAMES = ['password', 'passwd', 'secret', 'token', 'api_key', 'apikey', 'authorization', 'cookie', 'private_key'];
const secrets = Object.values<string>(SECRETS);
const needles = [PASSWORD, NAMED, ...KEY_LINES, ...secrets.filter((secret) => !secret.includes('\n'))];

/** JSON that is full of secrets, and says where it was put. */
const document = (canary: string) => ({
  canary,
  shapes: secrets,
  forms: Object.values<string>(FORMS),
  named: Object.fromEntries(NAMES.map((name) => [name, NAMED])),
  deep: [{ a: { list: [secrets, { DB_PASSWORD: { value: [NAMED] } }] } }],
  [`a key ${SECRETS.aws}`]: 1,
});
const text = (canary: string) => [canary, ...secrets, ...Object.values<string>(FORMS)].join('\n\n');

/** Each puts secrets through one mutation, and answers with the canaries of all fields that it filled. */
const doors: Record<string, (me: Caller) => Promise<string[]>> = {
  async startSession(me) {
    await start(me, { metadata: document('start.metadata'), idempotencyKey: 'k' });
    return ['start.metadata'];
  },
  async updateSession(me) {
    const { id: sessionId } = await start(me, { metadata: { a: 1 } });
    await updateSession(store, me, { sessionId, metadataPatch: document('update.patch') });
    return ['update.patch'];
  },
  async transitionSession(me) {
    const { id: sessionId } = await start(me);
    const next = { metadata: document('transition.next') };
    await transitionSession(store, me, { sessionId, trigger: 'PLAN_TO_EXECUTE', next, idempotencyKey: 'k' });
    return ['transition.next'];
  },
  async createRun(me) {
    await createRun(store, me, { metadata: document('run.metadata'), idempotencyKey: 'k' });
    return ['run.metadata'];
  },
  async appendEvents(me) {
    const { id: sessionId } = await start(me);
    const event = { data: document('event.data'), metadata: document('event.metadata') };
    await appendEvents(store, me, { sessionId, events: [{ type: 'ERROR', level: 'ERROR', ...event }] });
    return ['event.data', 'event.metadata'];
  },
  async createCheckpoint(me) {
    const { id: sessionId } = await start(me);
    const workState = document('checkpoint.work');
    const metadata = document('checkpoint.metadata');
    const picture = { workState, metadata, summary: text('checkpoint.summary'), idempotencyKey: 'k' };
    await createCheckpoint(store, me, { sessionId, type: 'MANUAL', trigger: 'MANUAL', ...picture });
    return ['checkpoint.work', 'checkpoint.metadata', 'checkpoint.summary'];
  },
  async logCommands(me) {
    const { id: sessionId } = await start(me);
    const fields = {
      parameters: document('command.parameters'),
      result: [document('command.result')],
      contextData: document('command.context'),
      errorMessage: text('command.error'),
    };
    const command = { commandType: 't', action: 'a', success: false, source: 'AUTO' } as const;
    await logCommands(store, me, { sessionId, commands: [{ ...command, ...fields }] });
    return ['command.parameters', 'command.result', 'command.context', 'command.error'];
  },
  async saveState(me) {
    const { id: sessionId } = await start(me);
    const save = (expectedVersion?: number) =>
      saveState(store, me, {
        sessionId,
        expectedVersion,
        conversationHistory: [document('state.history')],
        contextVariables: document('state.variables'),
        planData: [document('state.plan')],
      });
    await save();
    await save(1);
    return ['state.history', 'state.variables', 'state.plan'];
  },
  async initiateHandoff(me) {
    const { id: sessionId } = await start(me);
    const checkpoint = { workState: document('handoff.work'), summary: text('handoff.summary') };
    await initiateHandoff(store, me, { sessionId, reason: 'MANUAL', checkpoint, idempotencyKey: 'k' });
    return ['handoff.work', 'handoff.summary'];
  },
  async completeHandoff(me) {
    const { id: sessionId } = await start(me);
    const checkpoint = { workState: {} };
    const { handoff } = await initiateHandoff(store, me, { sessionId, reason: 'MANUAL', checkpoint });
    await completeHandoff(store, me, { handoffId: handoff.id, next: { metadata: document('taker.metadata') } });
    return ['taker.metadata'];
  },
  async restoreCheckpoint(me) {
    const { id: sessionId } = await start(me);
    const picture = { type: 'MANUAL', trigger: 'MANUAL', workState: {} } as const;
    const { checkpoint } = await createCheckpoint(store, me, { sessionId, ...picture });
    const next = { metadata: document('restored.metadata') };
    await restoreCheckpoint(store, me, { checkpointId: checkpoint.id, fork: true, next, idempotencyKey: 'k' });
    return ['restored.metadata'];
  },
  async 'requestApproval and resolveApproval'(me) {
    const { id: sessionId } = await start(me);
    const asked = { type: 'OTHER', question: '?', timeoutSeconds: 60, idempotencyKey: 'k' } as const;
    const context = document('approval.context');
    const { approval } = await requestApproval(store, me, { sessionId, context, ...asked });
    const result = document('approval.result');
    await resolveApproval(store, me, { approvalId: approval.id, resolution: 'MODIFIED', result });
    return ['approval.context', 'approval.result'];
  },
  async sendSignal(me) {
    const { id: sessionId } = await start(me);
    await sendSignal(store, me, {
      sessionId,
      kind: 'MESSAGE',
      payload: document('signal.payload'),
      idempotencyKey: 'k',
    });
    return ['signal.payload'];
  },
  async importSessions(me) {
    const session = { externalId: 's', kind: 'AGENT', state: 'WORKING', startReason: 'IMPORTED' } as const;
    const sessions = [{ ...session, startedAt: new Date(0), metadata: document('import.metadata') }];
    await importSessions(store, me, { source: 'x', runs: [], sessions });
    return ['import.metadata'];
  },
};

/** Every row of every table, as text. */
async function dump(): Promise<string> {
  const tables = await query(url, `SELECT tablename FROM pg_tables WHERE schemaname = 'public'`);
  const rows = await Promise.all(
    tables.map(({ tablename }) => query(url, `SELECT t::text FROM "${String(tablename)}" t`)),
  );
  // A row writes its quotes and backslashes twice, which would hide what holds any.
  return rows
    .flatMap((all) => all.map(({ t }) => String(t)))
    .join('\n')
    .replaceAll(/["\\]+/g, '"');
}

describe('secrets', () => {
  test.for(Object.entries(doors))('that come in by %s are stored nowhere, and the rest is', async ([, door]) => {
    const canaries = await door(await newCaller());

    const everything = await dump();

    for (const canary of canaries) expect(everything).toContain(canary);
    expect(needles.filter((needle) => everything.includes(needle))).toEqual([]);
  });

  test('are said to have been taken out of a command, and only where they were', async () => {
    const me = await newCaller();
    const { id: sessionId } = await start(me);
    const command = { commandType: 't', action: 'a', success: true, source: 'AUTO' } as const;
    const parts = [
      { parameters: { password: NAMED } },
      { result: FORMS.bearer },
      { contextData: { a: [SECRETS.githubPersonal] } },
      { errorMessage: `failed with ${FORMS.postgres}` },
    ];

    const { commands } = await logCommands(store, me, {
      sessionId,
      commands: [command, ...parts.map((part) => ({ ...command, ...part }))],
    });

    expect(commands.map(({ redacted }) => redacted)).toEqual([false, true, true, true, true]);
    expect(commands[4]!.errorMessage).toBe('failed with postgres://app:[REDACTED]@db.example:5432/app');
  });
});
