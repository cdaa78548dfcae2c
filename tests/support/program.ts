import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** `npm test` brings it up to date before it runs the tests. */
const program = path.resolve('dist/cli.js');

export interface Running extends AsyncDisposable {
  readonly process: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves with all that it printed, when it has ended. */
  readonly ended: Promise<Ended>;
}

export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `lifeline` with these arguments, in an environment without any configuration but this; it asks for no keys. */
export function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Running {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH, HOME, LIFELINE_AUTH: 'off', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = Promise.all([once(child, 'close'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]) => ({ code: code as number | null, stdout, stderr }),
  );
  return {
    process: child,
    ended,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

export const run = (args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ended> =>
  start(args, env).ended;

/**
 * Runs a server, by default on a free port; resolves when it is ready, and rejects with what it complains of where it ends
 * before.
 */
export async function serve(env: Readonly<Record<string, string>>, port = '0'): Promise<Running & { url: string }> {
  const running = start(['serve', '--port', port], env);
  const failed = running.ended.then(({ stderr }) => Promise.reject(new Error(stderr)));
  const [line] = (await Promise.race([once(createInterface({ input: running.process.stdout }), 'line'), failed])) as [
    string,
  ];
  return { ...running, url: line.replace('Lifeline is ready at ', '') };
}
