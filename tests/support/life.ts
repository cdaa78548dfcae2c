import { requestApproval, resolveApproval } from '../../src/store/approval.js';
import { createCheckpoint } from '../../src/store/checkpoint.js';
import { logCommands } from '../../src/store/command.js';
import { transitionSession } from '../../src/store/conversation.js';
import { appendEvents } from '../../src/store/event.js';
import { completeHandoff, initiateHandoff } from '../../src/store/handoff.js';
import { heartbeat } from '../../src/store/heartbeat.js';
import { completeRun, createRun } from '../../src/store/run.js';
import { saveState } from '../../src/store/savedState.js';
import { endSession, startSession, updateSession } from '../../src/store/session.js';
import { acknowledgeSignals, sendSignal } from '../../src/store/signal.js';
import type { Caller, Store } from '../../src/store/store.js';
import { suspendSession } from '../../src/store/suspension.js';

const picture = { trigger: 'MANUAL', workState: { step: 1 } } as const;

/** Has a project go through everything that can happen to its sessions; some are open afterwards, in every state but two. */
export async function live(store: Store, caller: Caller): Promise<void> {
  const start = async (input: object) =>
    (await startSession(store, caller, { kind: 'AGENT', takeOver: false, ...input })).session;
  const { run } = await createRun(store, caller, { coordinatorName: 'lead' });
  const lead = await start({ agentName: 'lead', capability: 'coordinator', runId: run.id, idempotencyKey: 'lead' });
  const worker = await start({ agentName: 'worker', spawnedById: lead.id, contextPercent: 10, currentEpic: 'one' });
  const { id: sessionId } = worker;

  await heartbeat(store, caller, { sessionId, contextPercent: 42, currentEpic: 'two' });
  await appendEvents(store, caller, { sessionId, events: [{ type: 'PROGRESS', level: 'INFO', dedupeKey: 'a' }] });
  const command = { commandType: 'tool', action: 'Read', success: true, source: 'AUTO' } as const;
  await logCommands(store, caller, { sessionId, commands: [command, command] });
  await createCheckpoint(store, caller, { sessionId, type: 'MANUAL', ...picture });
  await saveState(store, caller, { sessionId, mode: 'plan' });
  await updateSession(store, caller, { sessionId, title: 'work' });
  const { signal } = await sendSignal(store, caller, { sessionId, kind: 'NUDGE' });
  await acknowledgeSignals(store, caller, { sessionId, signalIds: [signal.id] });
  const asked = { sessionId, type: 'PLAN', question: 'Go?', timeoutSeconds: 60 } as const;
  const { approval } = await requestApproval(store, caller, asked);
  await resolveApproval(store, caller, { approvalId: approval.id, resolution: 'APPROVED' });
  await requestApproval(store, caller, asked);
  await sendSignal(store, caller, { sessionId, kind: 'CHECKPOINT' });
  const { handoff } = await initiateHandoff(store, caller, { sessionId, reason: 'MANUAL', checkpoint: picture });
  const { session: taker } = await completeHandoff(store, caller, { handoffId: handoff.id });
  // The worker has ended: this one is late.
  await heartbeat(store, caller, { sessionId }).catch(() => undefined);
  await endSession(store, caller, { sessionId: taker.id, reason: 'FINISHED', outcome: 'SUCCESS' });
  await endSession(store, caller, { sessionId: lead.id, reason: 'FINISHED', outcome: 'SUCCESS' });
  await completeRun(store, caller, { runId: run.id, status: 'COMPLETED' });

  const conversation = { platform: 'slack', externalId: 'C1' };
  for (const trigger of ['FIRST_MESSAGE', 'PLAN_TO_EXECUTE', 'RESET_REQUESTED', 'FIRST_MESSAGE'] as const) {
    await transitionSession(store, caller, { conversation, trigger });
  }
  const zombie = await start({ agentName: 'zombie' });
  await heartbeat(store, caller, { sessionId: zombie.id, processAlive: false });
  await heartbeat(store, caller, { sessionId: zombie.id });
  const asleep = await start({ agentName: 'asleep' });
  await saveState(store, caller, { sessionId: asleep.id });
  await suspendSession(store, caller, { sessionId: asleep.id });
}
