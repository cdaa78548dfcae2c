// Programs of others that are only compared with: the bench installs them for itself, so that nobody else has to.
import { execFile } from 'node:child_process';
import { access, mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const CACHE = path.resolve('node_modules/.cache/lifeline/guests');

export const folderOfGuest = (name: string): string => path.join(CACHE, name);

/** A folder in which these versions of these packages are installed; by npm where they are not there yet. */
export async function installGuest(name: string, packages: Readonly<Record<string, string>>): Promise<string> {
  const folder = folderOfGuest(name);
  const versions = Object.entries(packages).map(([each, version]) => `${each}@${version}`);
  const done = path.join(folder, `${versions.join(' ').replaceAll('/', '_')}.done`);
  if (await isThere(done)) return folder;
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'package.json'), '{ "private": true }');
  await promisify(execFile)('npm', ['install', '--no-audit', '--no-fund', '--save-exact', ...versions], {
    cwd: folder,
  });
  await writeFile(done, '');
  return folder;
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** A package of that folder; of its exports as much as the caller says. */
export async function importGuest<Exports>(folder: string, name: string): Promise<Exports> {
  const file = createRequire(path.join(folder, 'package.json')).resolve(name);
  return (await import(pathToFileURL(file).href)) as Exports;
}
