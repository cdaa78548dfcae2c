import { type ChildProcess, spawn, spawnSync, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { build } from 'esbuild';

/** A process of its own that has started an embedded PostgreSQL and holds it until it gets SIGTERM. */
export interface Holder {
  process: ChildProcess;
  url: string;
}

// Beside the packages, so that it finds them.
const program = path.resolve('node_modules/.cache/lifeline/holder.mjs');

/** Whether `startHolder` works for this user: the clone, or Node itself, may be in a home folder that is closed to others. */
export function canHold(account: { uid: number; gid: number }): boolean {
  const look = ['-e', 'fs.accessSync(process.argv[1])', path.resolve('package.json')];
  return spawnSync(process.execPath, look, { ...account, cwd: '/' }).status === 0;
}

/** Makes the program that `startHolder` runs: Node does not read TypeScript. */
export async function buildHolder(): Promise<void> {
  await mkdir(path.dirname(program), { recursive: true });
  await build({
    stdin: { contents: holder, resolveDir: import.meta.dirname, loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile: program,
  });
}

const holder = `
  import { startEmbedded } from '../../src/database/embedded.ts';
  import { pino } from 'pino';
  const { url, stop } = await startEmbedded({ dataDir: process.argv[2], log: pino({ level: 'silent' }) });
  process.once('SIGTERM', stop);
  console.log(url);
`;

/** Rejects with what the process wrote on stderr where it ends before it has a database. */
export async function startHolder(dataDir: string, options: SpawnOptions = {}): Promise<Holder> {
  const child = spawn(process.execPath, [program, dataDir], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const ended = once(child, 'close').then(() => Promise.reject(new Error(complaint)));
  const [url] = (await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended])) as [string];
  return { process: child, url };
}

/** Ends the process as a signal does that it cannot catch. */
export async function kill(holder: Holder): Promise<void> {
  holder.process.kill('SIGKILL');
  await once(holder.process, 'exit');
}
