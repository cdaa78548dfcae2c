import { execFileSync } from 'node:child_process';
import { isRunning } from '../../src/database/process.js';

/** The ids of the worker processes of a server, by the id of its primary. */
export function workersOf({ pid }: { pid?: number | undefined }): number[] {
  const list = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' });
  return list.split('\n').flatMap((line) => {
    const [, child, parent] = /^\s*(\d+)\s+(\d+)\s.*\bworker\.js\b/.exec(line) ?? [];
    return Number(parent) === pid ? [Number(child)] : [];
  });
}

/** Those that still run. */
export async function alive(pids: readonly number[]): Promise<number[]> {
  const running = await Promise.all(pids.map(isRunning));
  return pids.filter((_, index) => running[index]);
}
