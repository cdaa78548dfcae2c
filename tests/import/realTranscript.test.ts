import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Action } from '../../src/import/action.js';
import { ClaudeCodePlan } from '../../src/import/claudeCode.js';
import { findTranscripts } from '../../src/import/transcript.js';
import { hasRealTranscripts, REAL_FOLDER } from '../support/transcript.js';

interface NaiveLine {
  type: string;
  subtype?: string;
  uuid: string;
  timestamp: string;
  sessionId: string;
  isMeta?: boolean;
  isCompactSummary?: boolean;
  message: { content: string | NaiveBlock[] };
}
interface NaiveBlock {
  type: string;
  text?: string;
  id?: string;
  name?: string;
  tool_use_id?: string;
  is_error?: boolean;
}
/** An event as it can be told from a line alone, by nothing that the importer is made of. */
type NaiveEvent = [session: string, type: string, occurredAt: string, what: unknown];

/** Reads a file as a stranger would who has only the table of the data's README. */
function naive(path: string): NaiveEvent[] {
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  const entries = lines.map((text) => JSON.parse(text) as NaiveLine);
  const agent = /agent-(.*)\.jsonl$/.exec(path)?.[1];
  const told: NaiveEvent[] = [];
  let window = 1;
  for (const { type, subtype, timestamp, isMeta, isCompactSummary, message, ...entry } of entries) {
    if (subtype === 'compact_boundary') window += 1;
    const session = `${entry.sessionId}${agent ? `/${agent}` : window > 1 ? `#${window}` : ''}`;
    const tell = (event: string, what: unknown) => told.push([session, event, timestamp, what]);
    if (subtype === 'turn_duration') tell('TURN_ENDED', undefined);
    if (type !== 'user' && type !== 'assistant') continue;
    const { content } = message;
    for (const block of typeof content === 'string' ? [{ type: 'text', text: content } as NaiveBlock] : content) {
      if (block.type === 'text' && type === 'assistant') tell('ASSISTANT_MESSAGE', block.text);
      if (block.type === 'text' && type === 'user' && !isMeta && !isCompactSummary) tell('USER_MESSAGE', block.text);
      if (block.type === 'tool_use') tell('TOOL_STARTED', block.id);
      if (block.type === 'tool_use' && block.name === 'Task') tell('TASK_SPAWNED', block.id);
      if (block.type === 'tool_result') tell('TOOL_ENDED', block.tool_use_id);
    }
  }
  return told;
}

describe.skipIf(!hasRealTranscripts)('the real transcripts', () => {
  const actions: Action[] = [];
  const expected: NaiveEvent[] = [];

  beforeAll(async () => {
    const whole = new ClaudeCodePlan();
    for (const family of await findTranscripts(REAL_FOLDER)) {
      const plans = family.map((file) => {
        const plan = whole.open(file);
        actions.push(...plan.push(readFileSync(file.path)));
        return plan;
      });
      for (const plan of plans.reverse()) actions.push(...plan.finish());
    }
    actions.push(...whole.finish());
    const files = await readdir(REAL_FOLDER, { recursive: true });
    for (const file of files.filter((name) => name.endsWith('.jsonl')))
      expected.push(...naive(join(REAL_FOLDER, file)));
  });

  const all = <K extends Action['kind']>(kind: K) =>
    actions.filter((action): action is Extract<Action, { kind: K }> => action.kind === kind);

  it('are 4 conversations, 4 runs and 11 sessions: 6 windows in 4 chains, and 5 subagents with a spawner', () => {
    const sessions = all('startSession');
    const windows = sessions.filter(({ conversation }) => conversation !== null);
    const subagents = sessions.filter(({ conversation }) => conversation === null);
    expect(new Set(windows.map(({ conversation }) => conversation?.externalId)).size).toBe(4);
    expect(new Set(all('createRun').map(({ externalId }) => externalId)).size).toBe(4);
    expect(windows).toHaveLength(6);
    expect(windows.filter(({ parent }) => parent === null)).toHaveLength(4);
    expect(windows.filter(({ startReason }) => startReason === 'CONTEXT_COMPACTED')).toHaveLength(2);
    expect(subagents).toHaveLength(5);
    expect(subagents.every(({ spawnedBy }) => windows.some(({ externalId }) => externalId === spawnedBy))).toBe(true);
    expect(subagents.filter(({ title }) => title !== null)).toHaveLength(3);
    expect(all('completeRun')).toHaveLength(4);
    expect(all('skip')).toEqual([]);
  });

  it('hold an event for every message, tool call, answer, task and turn of the files, and no other', () => {
    const told = all('appendEvent').map(({ session, event }): NaiveEvent => {
      const what = event.type === 'TURN_ENDED' ? undefined : (event.data.text ?? event.data.toolUseId);
      return [session, event.type, event.occurredAt ?? '', what];
    });
    expect(expected.length).toBeGreaterThan(1000);
    expect(new Set(told.map((event) => JSON.stringify(event)))).toEqual(
      new Set(expected.map((event) => JSON.stringify(event))),
    );
    expect(told).toHaveLength(expected.length);
  });

  it('tie every answer to the call with its id, and know every event of a session by a key', () => {
    const keyOf = (key: { session: string; dedupeKey: string }) => `${key.session} ${key.dedupeKey}`;
    const appended = all('appendEvent').map(({ session, event }) => ({ ...event, session }));
    const byKey = new Map(appended.map((event) => [keyOf(event), event]));
    expect(byKey.size).toBe(appended.length);
    for (const event of appended.filter(({ type }) => type === 'TOOL_ENDED' || type === 'TASK_SPAWNED')) {
      const cause = event.cause && byKey.get(keyOf(event.cause));
      expect(cause).toMatchObject({ type: 'TOOL_STARTED', data: { toolUseId: event.data.toolUseId } });
    }
  });

  it('start and end every session once, each inside its run and after its parent, its spawner and its own start', () => {
    const open = new Set<string>();
    const started = new Map<string, string>();
    const runs = new Set<string>();
    for (const action of actions) {
      if (action.kind === 'createRun') runs.add(action.externalId);
      if (action.kind === 'completeRun') runs.delete(action.run);
      if (action.kind === 'appendEvent') expect(open).toContain(action.session);
      if (action.kind === 'startSession') {
        expect(runs).toContain(action.run);
        expect(started.has(action.externalId)).toBe(false);
        if (action.parent !== null) expect(started.has(action.parent) && !open.has(action.parent)).toBe(true);
        if (action.spawnedBy !== null) expect(started.has(action.spawnedBy)).toBe(true);
        started.set(action.externalId, action.occurredAt ?? '');
        open.add(action.externalId);
      }
      if (action.kind === 'endSession') {
        expect(open.delete(action.session)).toBe(true);
        expect((action.occurredAt ?? '') >= (started.get(action.session) ?? '')).toBe(true);
      }
    }
    expect([...open, ...runs]).toEqual([]);
  });

  it('say of every session where its transcript lies', () => {
    const places = all('startSession').map(({ workspace }) => workspace);
    expect(places.every(({ worktreePath, branchName }) => worktreePath !== null && branchName !== null)).toBe(true);
    expect(new Set(places.map(({ transcriptPath }) => basename(transcriptPath))).size).toBe(9);
  });
});
