import type { Command } from '../database/client.js';
import type { CommandSource } from '../domain/command.js';
import { encodeId, newId } from '../domain/id.js';
import { checkJson } from '../domain/json.js';
import {
  checkCount,
  checkKey,
  checkName,
  checkPast,
  checkRange,
  checkSummary,
  checkTexts,
  checkTitle,
  COMMANDS_MAX_PER_CALL,
  Issues,
  JSON_MAX_BYTES,
} from '../domain/limits.js';
import { redact, redactText } from '../domain/redaction.js';
import { lockSession, moveSession, refuseEnded } from './lifecycle.js';
import { COMMANDS } from './row.js';
import { earlier } from './run.js';
import { takeSequences } from './sequence.js';
import type { Caller, Store } from './store.js';
import { transact, type Transaction } from './transaction.js';

export interface CommandInput {
  commandType: string;
  action: string;
  toolName?: string | null;
  parameters?: unknown;
  result?: unknown;
  success: boolean;
  errorMessage?: string | null;
  executionTimeMs?: number | null;
  tags?: readonly string[] | null;
  contextData?: unknown;
  source: CommandSource;
  occurredAt?: Date | null;
  dedupeKey?: string | null;
}

export interface LogCommandsInput {
  sessionId: string;
  commands: readonly CommandInput[];
}

/**
 * Logs 1 to 500 commands of a session, all or none, redacted, and answers with them in the order of the input. A command
 * whose `dedupeKey` the session has already is answered with the one that is there.
 */
export async function logCommands(
  store: Store,
  caller: Caller,
  { sessionId, commands }: LogCommandsInput,
): Promise<{ commands: Command[]; position: bigint }> {
  checkLog(commands, store.now());
  return transact(store, caller, async (tx) => {
    const session = await lockSession(tx, sessionId);
    const known = await readKnown(tx, sessionId, commands);
    const added = commands.filter(({ dedupeKey }, index) => !known.has(dedupeKey) && isFirst(commands, index));
    if (added.length > 0) {
      await refuseEnded(tx, session);
      tx.showLife(sessionId);
      const alive = await moveSession(tx, session, 'activity');
      const rows = await insertCommands(tx, sessionId, added);
      for (const [index, row] of rows.entries()) {
        const { action, toolName, success, executionTimeMs } = row;
        tx.record({
          type: 'COMMAND_LOGGED',
          session: alive,
          toolName,
          occurredAt: added[index]?.occurredAt ?? null,
          data: { commandId: encodeId('Command', row.id), action, toolName, success, executionTimeMs },
        });
      }
      const unnamed = rows.filter((row) => row.dedupeKey === null).values();
      for (const row of rows) if (row.dedupeKey !== null) known.set(row.dedupeKey, row);
      return { commands: commands.flatMap(({ dedupeKey }) => known.get(dedupeKey) ?? unnamed.next().value ?? []) };
    }
    return { commands: commands.flatMap(({ dedupeKey }) => known.get(dedupeKey) ?? []) };
  });
}

/** Whether no command before it in the call has the same key. */
function isFirst(commands: readonly CommandInput[], index: number): boolean {
  const key = commands[index]?.dedupeKey;
  return key == null || commands.findIndex(({ dedupeKey }) => dedupeKey === key) === index;
}

/** The session's commands that the call repeats, by their keys. */
async function readKnown(
  tx: Transaction,
  sessionId: string,
  commands: readonly CommandInput[],
): Promise<Map<string | null | undefined, Command>> {
  const keys = commands.flatMap(({ dedupeKey }) => dedupeKey ?? []);
  if (keys.length === 0) return new Map();
  const found = await COMMANDS.findAll(tx.db, { projectId: tx.projectId, sessionId, dedupeKey: keys });
  return new Map(found.map((command) => [command.dedupeKey, command]));
}

async function insertCommands(
  tx: Transaction,
  sessionId: string,
  commands: readonly CommandInput[],
): Promise<Command[]> {
  const { projectId } = tx;
  const { first, eventSequence } = await takeSequences(tx, sessionId, commands.length);
  const isDated = commands.some(({ occurredAt }) => occurredAt);
  const data = commands.map(({ occurredAt, errorMessage, tags, dedupeKey, ...command }, index) => {
    const parameters = redact(command.parameters);
    const result = redact(command.result);
    const contextData = redact(command.contextData);
    const error = redactText(errorMessage ?? '');
    const action = redactText(command.action);
    return {
      ...command,
      projectId,
      id: newId(),
      sessionId,
      sequence: first + BigInt(index),
      action: action.text,
      parameters: parameters.value,
      result: result.value,
      contextData: contextData.value,
      errorMessage: errorMessage == null ? null : error.text,
      tags: [...(tags ?? [])],
      dedupeKey: dedupeKey ?? null,
      redacted: [action, parameters, result, contextData, error].some(({ redacted }) => redacted),
      eventSequence: eventSequence + BigInt(index),
      sizeBytes: [parameters, result, contextData].reduce((sum, { value }) => sum + bytesOf(value), 0),
      // The database's own now, unless one of them is of another time.
      ...(isDated && { createdAt: earlier(occurredAt ?? tx.now, tx.now) }),
    };
  });
  const rows = await COMMANDS.insertAll(tx.db, data);
  return rows.sort((a, b) => Number(a.sequence - b.sequence));
}

const bytesOf = (value: unknown): number => (value == null ? 0 : Buffer.byteLength(JSON.stringify(value)));

function checkLog(commands: readonly CommandInput[], now: Date): void {
  const issues = new Issues();
  checkCount(issues, 'input.commands', commands, COMMANDS_MAX_PER_CALL);
  issues.throwIfAny();
  const any = { limitBytes: JSON_MAX_BYTES, shape: 'any' } as const;
  for (const [index, command] of commands.entries()) {
    const path = `input.commands.${index}`;
    checkName(issues, `${path}.commandType`, command.commandType);
    checkTitle(issues, `${path}.action`, command.action);
    checkName(issues, `${path}.toolName`, command.toolName);
    checkSummary(issues, `${path}.errorMessage`, command.errorMessage);
    checkTexts(issues, `${path}.tags`, command.tags);
    checkRange(issues, `${path}.executionTimeMs`, command.executionTimeMs, 0, 2 ** 31 - 1);
    checkKey(issues, `${path}.dedupeKey`, command.dedupeKey);
    checkPast(issues, `${path}.occurredAt`, command.occurredAt, now);
    checkJson(issues, `${path}.parameters`, command.parameters, any);
    checkJson(issues, `${path}.result`, command.result, any);
    checkJson(issues, `${path}.contextData`, command.contextData, { ...any, shape: 'object' });
  }
  issues.throwIfAny();
}
