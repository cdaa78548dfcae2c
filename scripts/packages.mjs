import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root, success } from './project.mjs';

/**
 * True where node_modules is what package-lock.json says. npm leaves a list of what it has installed: packages that
 * another platform or a production install has no use for may be missing from it, none may be of another version.
 */
export function packagesAreCurrent() {
  const list = path.join(root, 'node_modules/.package-lock.json');
  if (!existsSync(list)) return false;
  const wanted = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(list, 'utf8')).packages;
  return Object.entries(wanted).every(([place, { version, optional, dev, devOptional, peer }]) => {
    if (place === '') return true;
    const found = installed[place];
    return found ? found.version === version : Boolean(optional || dev || devOptional || peer);
  });
}

/** `npm ci`, its progress on stderr. */
export async function installPackages() {
  const options = {
    cwd: root,
    // With an engine named, Prisma downloads none: none is needed.
    env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, ...process.env },
    stdio: ['ignore', process.stderr, 'inherit'],
  };
  const flags = ['ci', '--no-audit', '--no-fund'];
  // The npm that started this, where one did: another one may be on the PATH, or none.
  const npm = process.env.npm_execpath;
  const child = npm?.endsWith('npm-cli.js')
    ? spawn(process.execPath, [npm, ...flags], options)
    : spawn(`npm ${flags.join(' ')}`, { ...options, shell: true });
  await success(child, () => 'npm ci failed; its messages are above.');
}
