import { describe, expect, it } from 'vitest';
import { CommandPlanner } from '../../src/import/command.js';
import { readEntry, type Entry } from '../../src/import/entry.js';
import { answer, at, boundary, call, line, message } from '../support/transcript.js';

/** The commands of a transcript with these lines. */
function planned(...lines: string[]) {
  const planner = new CommandPlanner();
  return lines.flatMap((text, index) => {
    const entry = readEntry({ number: index + 1, text, complete: true }) as Entry;
    return planner.plan(entry, entry.at);
  });
}

const action = (name: string, input: unknown) =>
  planned(line(1, call('t1', name, input)), line(2, answer('t1', 'ok')))[0]?.action;

describe('a tool call', () => {
  it('is a command once it is answered, across a compaction too', () => {
    const input = { command: 'ls -l', description: 'List files' };
    expect(planned(line(1, call('t1', 'Bash', input)))).toEqual([]);
    expect(planned(line(1, call('t1', 'Bash', input)), line(2, boundary), line(4, answer('t1', 'files')))).toEqual([
      {
        action: 'ls -l',
        toolName: 'Bash',
        parameters: input,
        result: 'files',
        success: true,
        errorMessage: null,
        executionTimeMs: 3000,
        occurredAt: at(4),
        dedupeKey: 't1',
      },
    ]);
  });

  it('is one command, however often it is answered', () => {
    const lines = [line(1, call('t1', 'Bash')), line(2, answer('t1', 'one')), line(3, answer('t1', 'two'))];
    expect(planned(...lines)).toMatchObject([{ result: 'one' }]);
  });

  it('has failed exactly where its answer is an error, and says why in the words of the answer', () => {
    const error = { is_error: true };
    const blocks = [{ type: 'text', text: 'no' }, { type: 'image' }, { type: 'text', text: 'way' }];
    const lines = [
      line(
        1,
        message(
          'assistant',
          ['a', 'b', 'c'].map((id) => ({ type: 'tool_use', id, name: 'Bash', input: {} })),
        ),
      ),
      line(2, answer('a', 'no such file', error)),
      line(3, answer('b', blocks, error)),
      line(4, answer('c', [{ type: 'image' }], error)),
    ];
    expect(planned(...lines)).toMatchObject([
      { success: false, errorMessage: 'no such file' },
      { success: false, errorMessage: 'no\nway', result: blocks },
      { success: false, errorMessage: null },
    ]);
    expect(
      planned(line(1, call('t1', 'Bash')), line(2, answer('t1', 'Error: none', { is_error: false }))),
    ).toMatchObject([{ success: true, errorMessage: null }]);
  });

  it('is told by an excerpt where it is too large', () => {
    const large = 'x'.repeat(300_000);
    const lines = [line(1, call('t1', 'Write', { content: large })), line(2, answer('t1', large, { is_error: true }))];
    const [command] = planned(...lines);
    expect(command?.parameters).toMatchObject({ truncated: true, originalBytes: 300_014 });
    expect(command?.result).toMatchObject({ truncated: true, originalBytes: 300_002 });
    expect(command?.errorMessage).toBe('x'.repeat(4096));
  });

  it('took no time where its lines stand the wrong way round, and an unknown one where one tells no time', () => {
    expect(planned(line(2, call('t1', 'Bash')), line(1, answer('t1', 'ok')))).toMatchObject([{ executionTimeMs: 0 }]);
    const timeless = line(1, { ...call('t1', 'Bash'), timestamp: 'soon' });
    expect(planned(timeless, line(2, answer('t1', 'ok')))).toMatchObject([{ executionTimeMs: null }]);
  });

  it('is known by its line where its id can be no key', () => {
    const id = 'x'.repeat(300);
    expect(planned(line(1, call(id, 'Bash')), line(2, answer(id, 'ok')))).toMatchObject([{ dedupeKey: 'u2/0' }]);
  });
});

describe('an answer', () => {
  it('to a call that is not told is no command', () => {
    expect(planned(line(1, answer('t1', 'ok')))).toEqual([]);
  });
});

describe('the action', () => {
  it.each([
    ['Bash', { command: 'npm test \\\n  --silent', description: 'Test' }, 'npm test \\ --silent'],
    ['Edit', { replace_all: false, file_path: '/code/a.ts' }, '/code/a.ts'],
    ['Grep', { path: '/code', pattern: 'legacy' }, 'legacy'],
    ['Task', { description: 'Look around', prompt: 'Look.' }, 'Look around'],
    ['WebFetch', { url: 'https://example.com/', prompt: 'What?' }, 'https://example.com/'],
    ['TodoWrite', { todos: [] }, 'TodoWrite'],
    ['Bash', { command: ' ' }, 'Bash'],
    ['Bash', null, 'Bash'],
    ['a\nb', {}, 'a b'],
    [' ', {}, '?'],
  ])('of %s is what its input says in short, else its name', (name, input, expected) => {
    expect(action(name, input)).toBe(expected);
  });

  it('is cut to a length that a line can show', () => {
    expect(action('Bash', { command: '😀'.repeat(300) })).toBe('😀'.repeat(200));
  });

  it('holds no secret, not even the beginning of one that is cut', () => {
    const token = `ghp_${'a1B2'.repeat(9)}`;
    expect(action('Bash', { command: `curl -H 'Authorization: Bearer ${token}' x` })).not.toContain('a1B2');
    expect(action('Bash', { command: `${'x'.repeat(180)} ${token}` })).not.toContain('a1B2');
  });
});
