import type { Place } from './board.js';
import { duration, joined } from './format.js';
import { cell, fitted, type Cell, type Style } from './print.js';
import { nameOf, STATE_STYLES } from './sessionRow.js';

export const BOARD_HEADING = ['STATE', 'LEVEL', 'SILENT', 'CONTEXT', 'AGE', 'NAME', 'RUN', 'ACTIVITY'];

/** What each escalation level does. */
export const LEVELS = ['warn', 'nudge', 'triage', 'terminate'] as const;

const LEVEL_STYLES: readonly Style[] = ['yellow', 'yellow', 'red', 'red'];

const NAME_WIDTH = 28;
const RUN_WIDTH = 20;
/** From here on an agent is told to take a checkpoint. */
const CONTEXT_FULL_PERCENT = 80;

/** What the board shows of a session, under `BOARD_HEADING`. */
export function boardRow({ session, silentSeconds, ageSeconds, isLeaving }: Place): Cell[] {
  const { state, contextPercent, run } = session;
  const cells = [
    cell(state, STATE_STYLES[state]),
    levelCell(session),
    // Nobody waits for a sign of life of what has ended.
    cell(session.endedAt === null ? duration(silentSeconds) : ''),
    contextPercent === null
      ? cell('')
      : cell(`${Math.round(contextPercent)} %`, contextPercent < CONTEXT_FULL_PERCENT ? undefined : 'yellow'),
    cell(duration(ageSeconds)),
    narrow(cell(nameOf(session), 'bold'), NAME_WIDTH),
    narrow(cell(run && (run.externalId ?? run.id)), RUN_WIDTH),
    cell(doing(session)),
  ];
  return isLeaving ? cells.map(({ text }) => cell(text, 'dim')) : cells;
}

function levelCell({ liveness: { escalationLevel, waitingSince } }: Place['session']): Cell {
  if (escalationLevel !== null) return cell(LEVELS[escalationLevel], LEVEL_STYLES[escalationLevel]);
  return waitingSince === null ? cell('') : cell('waiting', 'blue');
}

function doing({ endReason, outcome, activity, currentEpic, title }: Place['session']): string {
  const end = joined([endReason, outcome]);
  return joined([end, activity, currentEpic && `epic ${currentEpic}`, title], ' · ');
}

function narrow({ text, style }: Cell, width: number): Cell {
  return { text: fitted(text, width), ...(style && { style }) };
}
