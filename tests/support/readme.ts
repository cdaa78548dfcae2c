import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { transform } from 'esbuild';

export const readme = readFileSync('README.md', 'utf8');

/** An example, and what README says that it prints: the block of text that comes next. */
export interface Example {
  readonly line: number;
  readonly language: string;
  readonly code: string;
  readonly output: string | null;
}

const FENCED = /^```(\w+)\n([^]*?)\n```$(?:\n\n```text\n([^]*?)\n```$)?/gm;

export const examples: readonly Example[] = Array.from(
  readme.matchAll(FENCED),
  ({ index, 1: language = '', 2: code = '', 3: output = null }) => {
    return { line: readme.slice(0, index).split('\n').length, language, code, output };
  },
);

/** A started example. */
export interface Performance {
  readonly process: ChildProcess;
  /** What it has printed so far. */
  readonly said: () => string;
  readonly complaints: () => string;
  /** The code that it ends with. */
  readonly ended: Promise<number | null>;
}

// Beside the packages, so that programs find them.
const folder = path.resolve('node_modules/.cache/lifeline/readme');

/** A program's file, for the compiler or for Node. */
export async function writeProgram({ line, language, code }: Example): Promise<string> {
  const file = path.join(folder, `${line}.m${language}`);
  await mkdir(folder, { recursive: true });
  await writeFile(file, code);
  return file;
}

// Browsers have an EventSource, and stay while it waits for the server. Node's own gives up where it is refused twice.
const BROWSER = "import { EventSource } from 'eventsource';\nsetInterval(String, 1e6);\n";

/** One after another, as in one terminal: what one sets, the next one finds. */
export class Terminal {
  #env: NodeJS.ProcessEnv;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  async start(example: Example): Promise<Performance> {
    return example.language === 'sh' ? this.#startShell(example.code) : this.#startNode(example);
  }

  #startShell(code: string): Performance {
    const script = `set -aeuo pipefail\n${code}\nenv -0 >&3`;
    // A group of its own: whoever ends the shell ends what it runs.
    const child = spawn('bash', ['-c', script], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
    });
    const set = buffer(child.stdio[3] as Readable).then((bytes) => {
      const pairs = bytes.toString().split('\0').filter(Boolean);
      // None where the shell was stopped.
      if (pairs.length > 0) this.#env = Object.fromEntries(pairs.map((pair) => splitAt(pair, pair.indexOf('='))));
    });
    return perform(child, set);
  }

  async #startNode(example: Example): Promise<Performance> {
    const { code } = await transform(example.code, { loader: 'ts', format: 'esm' });
    const isForBrowsers = example.language === 'js';
    const file = await writeProgram({ ...example, language: 'js', code: isForBrowsers ? BROWSER + code : code });
    const child = spawn(process.execPath, [file], {
      env: this.#env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    return perform(child, Promise.resolve());
  }
}

const splitAt = (text: string, index: number) => [text.slice(0, index), text.slice(index + 1)] as const;

function perform(child: ChildProcess, settled: Promise<void>): Performance {
  let said = '';
  let complaints = '';
  child.stdout!.on('data', (text: Buffer) => (said += text.toString()));
  child.stderr!.on('data', (text: Buffer) => (complaints += text.toString()));
  const ended = once(child, 'close').then(async ([code]) => {
    await settled;
    return code as number | null;
  });
  return { process: child, said: () => said, complaints: () => complaints, ended };
}

/** Ends it with all that it has started. */
export async function stop({ process: { pid }, ended }: Performance): Promise<void> {
  try {
    if (pid) process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
  await ended;
}
