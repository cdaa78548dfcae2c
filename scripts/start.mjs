// `npm start`: whatever is missing is made, then the server runs in this very process, so that signals reach it.
import { execFileSync } from 'node:child_process';
import { prepare } from './prepare.mjs';
import { ifProgram } from './project.mjs';

const parents = process.env.npm_lifecycle_event ? findParents() : [];

await ifProgram(import.meta.url, async () => {
  await prepare();
  process.setSourceMapsEnabled(true);
  await import('../dist/main.js');
  if (parents.length > 0) endWith(parents);
});

/** npm, and the shell by which npm starts this unless that has made way for it. */
function findParents() {
  const parent = process.ppid;
  try {
    const line = execFileSync('ps', ['-o', 'ppid=,args=', '-p', String(parent)], { encoding: 'utf8' });
    // A shell: what it was told to run is on its command line.
    return line.includes('start.mjs') ? [parent, Number.parseInt(line, 10)] : [parent];
  } catch {
    return [parent];
  }
}

/**
 * npm passes a signal to that shell, which dies of it without a word to us: the end of either is our signal. Not after one
 * that did arrive, for the server takes a second one as impatience.
 */
function endWith(parents) {
  const watch = setInterval(() => {
    if (!parents.every(isAlive)) process.kill(process.pid, 'SIGTERM');
  }, 200);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => clearInterval(watch));
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error.code === 'EPERM';
  }
}
