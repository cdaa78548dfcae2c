import type { Conversation, Session } from '../database/client.js';
import { continueChain } from '../domain/chain.js';
import { NotFoundError } from '../domain/errors.js';
import { encodeId, newId } from '../domain/id.js';
import { checkKey, checkNote, checkPast, Issues } from '../domain/limits.js';
import { defaultPolicy } from '../domain/liveness.js';
import type { Outcome } from '../domain/session.js';
import { planTransition, type TransitionTrigger } from '../domain/trigger.js';
import { RetryTransaction } from './conflict.js';
import { transactOnce, type Once } from './idempotency.js';
import { endLocked } from './lifecycle.js';
import {
  lockConversation,
  lockHolders,
  lockLine,
  lockName,
  newestAt,
  openConversation,
  type ConversationKey,
  type Place,
} from './place.js';
import { CONVERSATIONS } from './row.js';
import { checkConversationKey, insertSession, readSession, refuseEndBeforeStart } from './session.js';
import type { Caller, Store } from './store.js';
import { checkNext, said, startSuccessor, type NextSession, type Succession } from './successor.js';
import { transact, type Transaction } from './transaction.js';

/** Exactly one of `conversation` and `sessionId`. */
export interface TransitionSessionInput {
  idempotencyKey?: string | null;
  conversation?: ConversationKey | null;
  sessionId?: string | null;
  trigger: TransitionTrigger;
  note?: string | null;
  outcome?: Outcome | null;
  occurredAt?: Date | null;
  next?: NextSession | null;
}

interface Transition {
  ended: Session | null;
  session: Session | null;
  created: boolean;
}

/**
 * Does at a place what the trigger says: ends the open session, begins the next one of its chain, or both. Calls at once
 * take their turns, and none of them fails for the others.
 */
export async function transitionSession(
  store: Store,
  caller: Caller,
  input: TransitionSessionInput,
): Promise<Once<Transition>> {
  checkTransition(input, store.now());
  const request = { mutation: 'transitionSession', input, rows: { ended: readSession, session: readSession } };
  return transactOnce<Transition>(store, caller, request, async (tx) => {
    const { trigger, outcome, note, occurredAt, next } = input;
    const place = await lockPlace(tx, input);
    const [open] = place ? await lockHolders(tx, place) : [];
    const newest = open ?? (place && (await newestAt(tx, place)));
    // Who begins or ends a session by itself locks no place: whoever waited for it has not seen who came after.
    if (newest && !open && !newest.endedAt) throw new RetryTransaction();
    const plan = planTransition(trigger, !!open);
    let ended: Session | null = null;
    if (open && plan.endReason) {
      refuseEndBeforeStart(open, occurredAt);
      const facts = { reason: plan.endReason, outcome: outcome ?? 'UNKNOWN', note, by: caller.name, occurredAt };
      ended = await endLocked(tx, open, facts);
    }
    if (place?.conversationId && trigger === 'CONVERSATION_CLOSED') await markClosed(tx, place.conversationId);
    if (!place || !plan.startReason) return { ended, session: ended ? null : (open ?? null), created: false };

    const parent = ended ?? newest;
    const { startReason } = plan;
    const session = parent
      ? await startSuccessor(tx, parent, { startReason, next, occurredAt, isVacated: ended !== null })
      : await startFirst(tx, place, { startReason, next, occurredAt });
    return { ended, session, created: true };
  });
}

/** Ends the conversation's open session and marks it closed; the next session in it opens it again. */
export async function closeConversation(
  store: Store,
  caller: Caller,
  { conversation: by }: { conversation: { id: string } | { key: ConversationKey } },
): Promise<{ conversation: Conversation; ended: Session | null; position: bigint }> {
  if ('key' in by) {
    const issues = new Issues();
    checkConversationKey(issues, 'input.conversation.key', by.key);
    issues.throwIfAny();
  }
  return transact(store, caller, async (tx) => {
    const conversation = await lockConversation(tx, by);
    if (!conversation) {
      const ref = 'id' in by ? encodeId('Conversation', by.id) : `${by.key.platform}/${by.key.externalId}`;
      throw new NotFoundError({ kind: 'Conversation', ref });
    }
    const [open] = await lockHolders(tx, { conversationId: conversation.id, agentName: null });
    const ended = open
      ? await endLocked(tx, open, { reason: 'CONVERSATION_CLOSED', outcome: 'UNKNOWN', by: caller.name })
      : null;
    return { conversation: (await markClosed(tx, conversation.id)) ?? conversation, ended };
  });
}

/** The conversation as it is now; null where it was closed before. */
async function markClosed(tx: Transaction, id: string): Promise<Conversation | null> {
  const [conversation] = await CONVERSATIONS.update(
    tx.db,
    { projectId: tx.projectId, id, closedAt: null },
    { closedAt: tx.now, lastActivityAt: tx.now },
  );
  if (conversation) tx.record({ type: 'CONVERSATION_CLOSED', conversationId: id });
  return conversation ?? null;
}

/**
 * The place that a transition is meant for, locked; null where there is none yet and nothing is to begin there. A session
 * stands for its conversation, else for its agent's name, else for its line: an ended one for what is open there now.
 */
async function lockPlace(tx: Transaction, input: TransitionSessionInput): Promise<Place | null> {
  let { conversation: key } = input;
  if (!key) {
    const { conversationId, agentName, id } = await readSession(tx.db, tx.projectId, input.sessionId ?? '');
    if (!conversationId && agentName) {
      await lockName(tx, agentName);
      return { conversationId, agentName };
    }
    if (!conversationId) return { conversationId, agentName, lineId: await lockLine(tx, id) };
    key = await CONVERSATIONS.find(tx.db, { projectId: tx.projectId, id: conversationId });
    if (!key) throw new RetryTransaction();
  }
  const begins = planTransition(input.trigger, false).startReason !== null;
  const conversation = begins ? await openConversation(tx, key) : await lockConversation(tx, { key });
  return conversation && { conversationId: conversation.id, agentName: null };
}

/** The first session of a conversation that nobody began before. */
function startFirst(tx: Transaction, place: Place, { startReason, next, occurredAt }: Succession): Promise<Session> {
  const id = newId();
  const row = {
    kind: 'CONVERSATION' as const,
    conversationId: place.conversationId,
    ...defaultPolicy({ kind: 'CONVERSATION' }),
    ...said(next),
    ...continueChain(null, id),
    projectId: tx.projectId,
    id,
    startReason,
  };
  return insertSession(tx, row, { occurredAt });
}

function checkTransition(input: TransitionSessionInput, now: Date): void {
  const { next } = input;
  const issues = new Issues();
  const places = [input.conversation, input.sessionId].filter((place) => place != null);
  if (places.length !== 1) {
    issues.add('input', 'must name either a conversation or a sessionId');
  }
  checkKey(issues, 'input.idempotencyKey', input.idempotencyKey);
  checkConversationKey(issues, 'input.conversation', input.conversation);
  checkNote(issues, 'input.note', input.note);
  checkPast(issues, 'input.occurredAt', input.occurredAt, now);
  checkNext(issues, 'input.next', next);
  issues.throwIfAny();
}
