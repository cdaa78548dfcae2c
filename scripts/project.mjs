import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = fileURLToPath(new URL('..', import.meta.url));

/** All files under a folder of the project, relative to it, sorted. */
export function filesUnder(folder) {
  const base = path.join(root, folder);
  return readdirSync(base, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(base, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** Runs a program of the project or its packages: silent where it succeeds, else an error with all that it wrote. */
export async function runQuietly(program, ...args) {
  // Tools start other tools by name.
  const PATH = [path.join(root, 'node_modules/.bin'), process.env.PATH].join(path.delimiter);
  const child = spawn(process.execPath, [path.join(root, program), ...args], {
    cwd: root,
    env: { ...process.env, PATH, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  child.stderr.on('data', (chunk) => (output += chunk));
  await success(child, () => `${program} ${args.join(' ')} failed:\n${output}`);
}

/** Resolves when the process has ended well; else rejects with `complaint()`. */
export function success(child, complaint) {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(complaint()))));
  });
}

/** Runs `main` where the file is the program itself and not imported; a failure is one message and exit code 1. */
export async function ifProgram(file, main) {
  if (process.argv[1] !== fileURLToPath(file)) return;
  try {
    await main();
  } catch (error) {
    console.error(`lifeline: ${error.message}`);
    process.exitCode = 1;
  }
}
