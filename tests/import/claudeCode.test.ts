import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Action, AppendEvent, StartSession } from '../../src/import/action.js';
import { ClaudeCodePlan } from '../../src/import/claudeCode.js';
import { identify } from '../../src/import/transcript.js';
import { answer, at, boundary, bytes, call, line, message, SID } from '../support/transcript.js';

const MAIN = identify(`/home/someone/.claude/projects/p/${SID}.jsonl`);
const SUBAGENT = identify(`/home/someone/.claude/projects/p/${SID}/subagents/agent-a1.jsonl`);

/** The actions of a main transcript that ends here. */
function planned(...lines: string[]): Action[] {
  const plan = new ClaudeCodePlan().open(MAIN);
  return [...plan.push(bytes(...lines)), ...plan.finish()];
}
const starts = (actions: Action[]) =>
  actions.filter((action): action is StartSession => action.kind === 'startSession');
const appends = (actions: Action[]) => actions.filter((action): action is AppendEvent => action.kind === 'appendEvent');
const events = (actions: Action[]) => appends(actions).map(({ event }) => event);

describe('a main transcript', () => {
  it('becomes a run and a session of its conversation, ended with an unknown outcome', () => {
    const actions = planned(
      line(1, message('user', 'Hello')),
      line(3, message('assistant', [])),
      line(2, { type: 'x' }),
    );
    expect(actions).toMatchObject([
      { kind: 'createRun', externalId: SID, occurredAt: at(1) },
      {
        kind: 'startSession',
        externalId: SID,
        assistant: 'claude-code',
        providerSessionId: SID,
        conversation: { platform: 'claude-code', externalId: SID },
        run: SID,
        parent: null,
        spawnedBy: null,
        startReason: null,
        workspace: { worktreePath: '/code', branchName: 'main', transcriptPath: MAIN.path },
        metadata: { version: '2.1.39' },
        occurredAt: at(1),
      },
      { kind: 'appendEvent', session: SID, event: { type: 'USER_MESSAGE', data: { text: 'Hello' } } },
      { kind: 'endSession', session: SID, reason: 'FINISHED', outcome: 'UNKNOWN', occurredAt: at(3) },
    ]);
  });

  it('goes on in a session of its own after each compaction', () => {
    const actions = planned(
      line(1, message('user', 'one')),
      line(2, boundary),
      line(3, message('user', 'the summary', { isCompactSummary: true })),
      line(4, message('user', 'two')),
      line(5, boundary),
      line(6, message('user', 'three')),
    );
    const ends = actions.filter((action) => action.kind === 'endSession');
    expect(ends).toMatchObject([
      { session: SID, reason: 'CONTEXT_COMPACTED', occurredAt: at(2) },
      { session: `${SID}#2`, reason: 'CONTEXT_COMPACTED', occurredAt: at(5) },
      { session: `${SID}#3`, reason: 'FINISHED', occurredAt: at(6) },
    ]);
    expect(starts(actions).slice(1)).toMatchObject([
      {
        externalId: `${SID}#2`,
        parent: SID,
        startReason: 'CONTEXT_COMPACTED',
        providerSessionId: SID,
        occurredAt: at(2),
      },
      { externalId: `${SID}#3`, parent: `${SID}#2`, startReason: 'CONTEXT_COMPACTED', providerSessionId: SID },
    ]);
    expect(appends(actions).map(({ session, event }) => [session, event.data.text])).toEqual([
      [SID, 'one'],
      [`${SID}#2`, 'two'],
      [`${SID}#3`, 'three'],
    ]);
  });

  it('takes a checkpoint of the summary before the window ends that it tells of', () => {
    const compacted = { ...boundary, compactMetadata: { trigger: 'manual', preTokens: 170_251 } };
    const actions = planned(
      line(1, message('user', 'one')),
      line(2, compacted),
      line(3, { type: 'progress', data: { type: 'hook_progress' } }),
      line(4, message('user', 'caveat', { isMeta: true })),
      line(5, message('user', 'what was done', { isCompactSummary: true })),
      line(6, message('user', 'two')),
    );
    expect(actions.map(({ kind }) => kind).slice(2)).toEqual([
      'appendEvent',
      'takeCheckpoint',
      'endSession',
      'startSession',
      'appendEvent',
      'endSession',
    ]);
    expect(actions.find(({ kind }) => kind === 'takeCheckpoint')).toEqual({
      kind: 'takeCheckpoint',
      session: SID,
      line: 'u5',
      summary: 'what was done',
      compaction: { trigger: 'manual', tokensBefore: 170_251 },
      branchName: 'main',
      occurredAt: at(2),
    });
  });

  it.each([
    ['somebody speaks first', [message('user', 'two'), message('user', 'late', { isCompactSummary: true })]],
    ['an answer comes first', [answer('t1', 'ok', {}), message('user', 'late', { isCompactSummary: true })]],
    ['the summary is empty', [message('user', '', { isCompactSummary: true })]],
    ['the transcript ends', []],
  ])('takes no checkpoint of a compaction where %s', (_, lines) => {
    const actions = planned(
      line(1, message('user', 'one')),
      line(2, boundary),
      ...lines.map((fields, index) => line(3 + index, fields)),
    );
    expect(starts(actions)).toHaveLength(2);
    expect(actions.map(({ kind }) => kind)).not.toContain('takeCheckpoint');
  });

  it('has one window where it begins with a compaction', () => {
    expect(starts(planned(line(1, boundary), line(2, message('user', 'one'))))).toHaveLength(1);
  });

  it('calls for nothing where none of its lines tells of a session', () => {
    expect(planned('{"type":"file-history-snapshot"}', '{"type":"summary","summary":"x"}', '{}', '')).toEqual([]);
  });

  it('takes the session id from its lines where its name is none', () => {
    const plan = new ClaudeCodePlan().open(identify('/p/short.jsonl'));
    expect(starts(plan.push(bytes(line(1, message('user', 'Hello')))))).toMatchObject([{ externalId: SID }]);
  });

  it.each(['soon', '+012026-01-01T00:00:00Z'])(
    'has neither start nor end where its first line tells no time: %s',
    (timestamp) => {
      const actions = planned(line(1, message('user', 'x', { timestamp })), line(2, message('user', 'y')));
      const ends = actions.filter((action) => action.kind === 'startSession' || action.kind === 'endSession');
      expect(ends.map(({ occurredAt }) => occurredAt)).toEqual([null, null]);
      expect(events(actions).map(({ occurredAt }) => occurredAt)).toEqual([null, at(2)]);
    },
  );
});

describe('its lines', () => {
  it('become events, each known by its line and block', () => {
    const texts = [
      { type: 'text', text: 'a' },
      { type: 'thinking', thinking: '…' },
      { type: 'text', text: 'b' },
    ];
    const assistant = message('assistant', texts);
    Object.assign(assistant.message, { id: 'msg_1', model: 'some-model' });
    const actions = planned(
      line(1, message('user', [{ type: 'text', text: 'Hello' }, { type: 'image' }])),
      line(2, assistant),
      line(3, { type: 'system', subtype: 'turn_duration', durationMs: 1200 }),
    );
    const told = { messageId: 'msg_1', model: 'some-model' };
    expect(events(actions)).toMatchObject([
      { type: 'USER_MESSAGE', data: { text: 'Hello' }, dedupeKey: 'u1/0', occurredAt: at(1) },
      { type: 'ASSISTANT_MESSAGE', data: { text: 'a', ...told }, dedupeKey: 'u2/0' },
      { type: 'ASSISTANT_MESSAGE', data: { text: 'b', ...told }, dedupeKey: 'u2/2', occurredAt: at(2) },
      { type: 'TURN_ENDED', data: { durationMs: 1200 }, dedupeKey: 'u3', occurredAt: at(3) },
    ]);
  });

  it('are no message of the person where Claude Code wrote them', () => {
    const actions = planned(
      line(1, message('user', 'caveat', { isMeta: true })),
      line(2, message('user', 'summary', { isCompactSummary: true })),
    );
    expect(events(actions)).toEqual([]);
  });

  it.each([undefined, 7, 'x'.repeat(300), 'a\nb'])(
    'are known by their number where their uuid is no name: %j',
    (uuid) => {
      const first = line(1, message('user', 'x', { uuid }));
      expect(events(planned('', first)).map(({ dedupeKey }) => dedupeKey)).toEqual(['line:2/0']);
    },
  );

  it('tie the end of a tool call to its start, across a compaction too', () => {
    const actions = planned(
      line(1, call('t1', 'Bash', { command: 'ls' })),
      line(2, call('t2', 'Read')),
      line(3, answer('t1', 'files')),
      line(4, boundary),
      line(5, answer('t2', 'no such file', { is_error: true })),
      line(6, answer('t9', 'to a call that is not told')),
    );
    expect(events(actions)).toMatchObject([
      { type: 'TOOL_STARTED', toolName: 'Bash', data: { toolUseId: 't1', input: { command: 'ls' } }, cause: null },
      { type: 'TOOL_STARTED', toolName: 'Read', dedupeKey: 'u2/0' },
      {
        type: 'TOOL_ENDED',
        level: 'INFO',
        toolName: 'Bash',
        data: { toolUseId: 't1', isError: false, content: 'files' },
        cause: { session: SID, dedupeKey: 'u1/0' },
      },
      { type: 'TOOL_ENDED', level: 'ERROR', toolName: 'Read', cause: { session: SID, dedupeKey: 'u2/0' } },
      { type: 'TOOL_ENDED', toolName: null, cause: null },
    ]);
  });

  it.each(['Task', 'Agent'])('say with a call of %s that a subagent is started', (tool) => {
    const input = { description: 'Look around', subagent_type: 'Explore', prompt: 'Look.' };
    expect(events(planned(line(1, call('t1', tool, input))))).toMatchObject([
      { type: 'TOOL_STARTED', toolName: tool, data: { input } },
      {
        type: 'TASK_SPAWNED',
        toolName: tool,
        data: { toolUseId: 't1', description: 'Look around', agentType: 'Explore' },
        cause: { session: SID, dedupeKey: 'u1/0' },
        dedupeKey: 'u1/0/task',
      },
    ]);
  });

  it('are told by an excerpt where they are too large', () => {
    const [, ended] = events(planned(line(1, call('t1', 'Bash')), line(2, answer('t1', 'x'.repeat(300_000)))));
    expect(ended?.data).toMatchObject({ toolUseId: 't1', truncated: true, originalBytes: 300_002 });
  });

  it('keep every character that the service can store', () => {
    const [event] = events(planned(line(1, message('user', '😀 ümläut \u2028 \0'))));
    expect(event?.data.text).toBe('😀 ümläut \u2028 \uFFFD');
  });
});

describe('a line that cannot be read', () => {
  const first = line(1, message('user', 'before'));

  it.each([
    ['{"type":', 'is not JSON'],
    ['42', 'is not a JSON object'],
    ['{"type":"user"}', 'is of type user but has no content'],
    ['{"type":"assistant","message":{"content":7}}', 'is of type assistant but has no content'],
  ])('is skipped with its place and reason, and does not stop the rest: %s', (broken, reason) => {
    const actions = planned(first, broken, line(3, message('user', 'after')));
    expect(actions.filter((action) => action.kind === 'skip')).toEqual([
      { kind: 'skip', file: MAIN.path, line: 2, reason },
    ]);
    expect(events(actions).map(({ data }) => data.text)).toEqual(['before', 'after']);
  });

  it('waits while its rest may come, and is half a line once the file has ended', () => {
    const plan = new ClaudeCodePlan().open(MAIN);
    plan.push(bytes(first));
    expect(plan.push(Buffer.from('{"type":"user"'))).toEqual([]);
    expect(plan.finish()).toMatchObject([
      { kind: 'skip', line: 2, reason: 'is half a line: the file ends in it' },
      { kind: 'endSession' },
    ]);
  });

  it('is none where only the last line break is missing', () => {
    const plan = new ClaudeCodePlan().open(MAIN);
    expect(plan.push(Buffer.from(first))).toEqual([]);
    expect(events(plan.finish())).toMatchObject([{ data: { text: 'before' } }]);
  });
});

describe('a subagent', () => {
  const task = line(5, call('t1', 'Task', { description: 'Look around', subagent_type: 'Explore' }));
  const progress = { type: 'progress', data: { type: 'agent_progress', agentId: 'a1' }, parentToolUseID: 't1' };
  const own = (second: number) => line(second, message('user', 'Look.', { agentId: 'a1', isSidechain: true }));

  function startedAfter(mainLines: string[], ownLine: string): StartSession | undefined {
    const whole = new ClaudeCodePlan();
    whole.open(MAIN).push(bytes(...mainLines));
    return starts(whole.open(SUBAGENT).push(bytes(ownLine)))[0];
  }

  it.each([
    ['its progress', line(30, progress)],
    ['its answer', line(30, { ...answer('t1', 'done'), toolUseResult: { agentId: 'a1' } })],
  ])('is spawned by the window of its Task call, which %s tells', (_, tie) => {
    const lines = [line(1, message('user', 'x')), task, line(10, boundary), tie];
    expect(startedAfter(lines, own(20))).toMatchObject({
      externalId: `${SID}/a1`,
      providerSessionId: SID,
      conversation: null,
      run: SID,
      spawnedBy: SID,
      title: 'Look around',
      capability: 'Explore',
      workspace: { transcriptPath: SUBAGENT.path },
      metadata: { agentId: 'a1' },
      occurredAt: at(20),
    });
  });

  it.each([
    [0, SID],
    [9, SID],
    [10, `${SID}#2`],
    [25, `${SID}#2`],
  ])('is spawned by the window open at its first line where nothing else is told: second %i', (second, window) => {
    const lines = [line(1, message('user', 'x')), task, line(10, boundary)];
    expect(startedAfter(lines, own(second))).toMatchObject({ spawnedBy: window, title: null, capability: null });
  });

  it('stands alone where its main transcript is not there', () => {
    expect(startedAfter([], own(20))).toMatchObject({ externalId: `${SID}/a1`, run: null, spawnedBy: null });
  });

  it('is one session, compacted or not', () => {
    const plan = new ClaudeCodePlan().open(SUBAGENT);
    const actions = [...plan.push(bytes(own(1), line(2, boundary), own(3))), ...plan.finish()];
    expect(actions.map(({ kind }) => kind)).toEqual(['startSession', 'appendEvent', 'appendEvent', 'endSession']);
    expect(actions.at(-1)).toMatchObject({ session: `${SID}/a1`, reason: 'FINISHED', outcome: 'UNKNOWN' });
  });
});

describe('a run', () => {
  it('is complete once every transcript of it has ended, with the last of them', () => {
    const whole = new ClaudeCodePlan();
    const [main, subagent] = [whole.open(MAIN), whole.open(SUBAGENT)];
    main.push(bytes(line(1, message('user', 'x'))));
    subagent.push(bytes(line(9, message('user', 'y'))));
    main.finish();
    expect(whole.finish()).toEqual([]);
    subagent.finish();
    expect(whole.finish()).toEqual([{ kind: 'completeRun', run: SID, occurredAt: at(9) }]);
  });
});

describe('a transcript that grows', () => {
  const written = fc.array(
    fc.oneof(
      fc.string({ unit: 'grapheme' }).map((text) => message('user', text)),
      fc.constantFrom('t1', 't2').map((id) => call(id, 'Bash')),
      fc.constantFrom('t1', 't2').map((id) => answer(id, 'ok')),
      fc.constant(boundary),
      fc.constant(message('user', 'the summary', { isCompactSummary: true })),
      fc.constant(null),
    ),
    { maxLength: 12 },
  );
  const cuts = fc.array(fc.nat(3000), { maxLength: 12 });

  it('calls for the same as one read whole, wherever it is cut', () => {
    fc.assert(
      fc.property(written, cuts, fc.boolean(), (entries, places, lastBreak) => {
        const whole = bytes(...entries.map((fields, index) => (fields ? line(index, fields) : '{"broken')));
        const content = lastBreak ? whole : whole.subarray(0, -1);
        const ends = [...places.filter((end) => end < content.length).sort((a, b) => a - b), content.length];
        const plan = new ClaudeCodePlan().open(MAIN);
        const grown = ends.flatMap((end, index) => plan.push(content.subarray(ends[index - 1] ?? 0, end)));
        const atOnce = new ClaudeCodePlan().open(MAIN);
        expect([...grown, ...plan.finish()]).toEqual([...atOnce.push(content), ...atOnce.finish()]);
      }),
    );
  });
});
