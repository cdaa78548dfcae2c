import type { ListedSessionFragment as ListedSession } from '../client/operation.js';
import type { LifecycleState } from '../domain/session.js';
import { duration, second } from './format.js';
import { cell, type Cell, type Style } from './print.js';

export const STATE_STYLES: Readonly<Record<LifecycleState, Style>> = {
  BOOTING: 'cyan',
  WORKING: 'green',
  SUSPENDED: 'blue',
  STALLED: 'yellow',
  ZOMBIE: 'red',
  COMPLETED: 'dim',
};

export const HEADING = ['SESSION', 'STATE', 'KIND', 'NAME', 'SILENT', 'CONTEXT', 'STARTED', 'TITLE'];

/** What a list shows of a session, under `HEADING`. */
export function rowOf(session: ListedSession): Cell[] {
  const { id, state, kind, contextPercent, startedAt, endedAt, title, liveness } = session;
  return [
    cell(id),
    cell(state, STATE_STYLES[state]),
    cell(kind),
    cell(nameOf(session), 'bold'),
    // Nobody waits for a sign of life of what has ended.
    cell(endedAt === null ? duration(liveness.silentSeconds) : ''),
    cell(contextPercent === null ? '' : `${Math.round(contextPercent)} %`),
    cell(second(startedAt)),
    cell(title),
  ];
}

/** What people would call it. */
export function nameOf({ agentName, instanceId, conversation, externalId }: ListedSession): string | null {
  return (
    agentName ?? instanceId ?? (conversation && `${conversation.platform}:${conversation.externalId}`) ?? externalId
  );
}
