import type { ShowSessionQuery } from '../client/operation.js';
import { eventCells } from './eventRow.js';
import { counted, duration, joined, second } from './format.js';
import { cell, painted, table, type Cell, type Style } from './print.js';
import { nameOf, STATE_STYLES } from './sessionRow.js';

type Shown = NonNullable<ShowSessionQuery['session']>;

/** A session as a person reads it: the facts that there are, and then what belongs to it, part by part. */
export function portrait(session: Shown): string[] {
  const { chain, checkpoints, events } = session;
  return [
    joined([session.id, painted(session.state, STATE_STYLES[session.state]), cell(nameOf(session)).text], '  '),
    ...table(['', ''], facts(session)),
    ...part('chain', chain.length > 1 ? chain.map((one) => linkOf(one, session.id)) : []),
    ...part(counted(checkpoints.totalCount, 'checkpoint'), checkpoints.nodes.map(checkpointOf)),
    ...part('waiting', waiting(session)),
    ...part('where a successor would go on', planOf(session.resumePlan)),
    ...part(`${counted(events.totalCount, 'event')}, the last ${events.nodes.length}`, events.nodes.map(eventOf)),
  ];
}

type Fact = [name: string, value: string | null | undefined, style?: Style];

function facts(session: Shown): Cell[][] {
  const { workspace, conversation, run, spawnedBy, commandStats } = session;
  const all: Fact[] = [
    ['title', session.title, 'bold'],
    ['kind', joined([session.kind, session.capability, session.assistant])],
    ['liveness', livenessOf(session)],
    ['evidence', session.liveness.evidence == null ? null : JSON.stringify(session.liveness.evidence)],
    ['activity', joined([session.activity, session.currentEpic && `epic ${session.currentEpic}`])],
    ['context', session.contextPercent === null ? null : `${session.contextPercent} %`],
    ['started', `${second(session.startedAt)}  ${session.startReason}`],
    ['ended', endOf(session)],
    ['task', session.taskId],
    ['instance', session.instanceId],
    ['external id', session.externalId],
    ['provider id', session.providerSessionId],
    ['spawned by', spawnedBy && joined([spawnedBy.id, spawnedBy.agentName, `depth ${session.depth}`])],
    ['conversation', conversation && `${conversation.platform}:${conversation.externalId}`],
    ['run', run && joined([run.id, run.externalId, run.status])],
    ['host', joined([workspace.hostMachine, workspace.pid !== null && `process ${workspace.pid}`])],
    ['worktree', joined([workspace.worktreePath, workspace.branchName && `branch ${workspace.branchName}`])],
    ['tmux', workspace.tmuxSession],
    ['transcript', workspace.transcriptPath],
    ['commands', commandStats.count === 0 ? null : `${commandStats.count}, ${commandStats.failed} of them failed`],
    ['metadata', hasMembers(session.metadata) ? JSON.stringify(session.metadata) : null],
    ['version', String(session.version)],
  ];
  return all.filter(([, value]) => value).map(([name, value, style]) => [cell(name, 'dim'), cell(value, style)]);
}

function livenessOf({ isLive, endedAt, liveness }: Shown): string | null {
  if (endedAt !== null) return null;
  const { policy, silentSeconds, waitingSince, stalledSince, zombieSince, escalationLevel } = liveness;
  const after = (seconds: number | null, verdict: string) =>
    seconds !== null && `${verdict} after ${duration(seconds)}`;
  return joined([
    isLive ? 'live' : 'not live',
    `silent for ${duration(silentSeconds)}`,
    waitingSince && `waiting since ${second(waitingSince)}`,
    stalledSince && `stalled since ${second(stalledSince)}`,
    zombieSince && `zombie since ${second(zombieSince)}`,
    escalationLevel !== null && `escalated to level ${escalationLevel}`,
    after(policy.stallAfterSeconds, 'stalls'),
    after(policy.zombieAfterSeconds, 'a zombie'),
  ]);
}

function endOf({ endedAt, endReason, outcome, endedBy, endNote }: Shown): string | null {
  return endedAt && joined([`${second(endedAt)}  ${endReason}`, outcome, endedBy && `by ${endedBy}`, endNote]);
}

function linkOf({ id, state, startReason, startedAt, endReason }: Shown['chain'][number], shown: string): Cell[] {
  return [
    cell(id === shown ? '*' : ''),
    cell(id),
    cell(second(startedAt), 'dim'),
    cell(startReason),
    cell(endReason === null ? '' : `→ ${endReason}`),
    cell(state, STATE_STYLES[state]),
  ];
}

function checkpointOf({ id, type, trigger, summary, createdAt }: Shown['checkpoints']['nodes'][number]): Cell[] {
  return [cell(id), cell(second(createdAt), 'dim'), cell(`${type} ${trigger}`), cell(summary)];
}

function waiting({ pendingSignals, approvals, pendingHandoff }: Shown): Cell[][] {
  return [
    ...approvals.map(({ id, type, question, expiresAt }) => [
      id,
      `approval ${type}`,
      `until ${second(expiresAt)}`,
      question,
    ]),
    ...pendingSignals.map(({ id, kind, note, sentBy, sentAt }) => [
      id,
      `signal ${kind}`,
      `${second(sentAt)} by ${sentBy}`,
      note,
    ]),
    ...(pendingHandoff ? [handoffOf(pendingHandoff)] : []),
  ].map((texts) => texts.map((text) => cell(text)));
}

function handoffOf({ id, reason, note, createdAt }: NonNullable<Shown['pendingHandoff']>) {
  return [id, `handoff ${reason}`, second(createdAt), note];
}

function planOf({ source, confidence, events, commands, nextSteps, sizeBytes, asOf }: Shown['resumePlan']): Cell[][] {
  const since = joined([counted(events.length, 'event'), counted(commands.length, 'command')], ' and ');
  return [
    [cell(`${source}, confidence ${confidence} of 100, with ${since}: ${sizeBytes} bytes as of position ${asOf}`)],
    ...nextSteps.map((step) => [cell(`- ${step}`)]),
  ];
}

/** It is known whose event it is. */
function eventOf(event: Shown['events']['nodes'][number]): Cell[] {
  return eventCells(event).filter((_, column) => column !== SESSION_COLUMN);
}

const SESSION_COLUMN = 2;

function part(title: string, rows: Cell[][]): string[] {
  if (rows.length === 0) return [];
  const columns = Math.max(...rows.map((row) => row.length));
  return ['', painted(title, 'bold'), ...table(Array<string>(columns).fill(''), rows)];
}

function hasMembers(value: unknown): boolean {
  return Object.keys(Object(value) as object).length > 0;
}
