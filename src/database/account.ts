import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A user of the operating system, as `spawn` takes it. */
export interface Account {
  uid: number;
  gid: number;
}

/**
 * The user that PostgreSQL runs as, where that is not the one who started Lifeline: PostgreSQL refuses root. It is whoever
 * owns the data already, else `postgres`, else `nobody`. They must have a name, for PostgreSQL looks up its own.
 */
export async function databaseAccount(folder: string): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const data = await stat(path.join(folder, 'PG_VERSION')).catch(() => undefined);
  if (data && data.uid !== 0) return { uid: data.uid, gid: data.gid };
  const account = (await named('postgres')) ?? (await named('nobody'));
  if (account) return account;
  throw new Error(
    'PostgreSQL does not run as root, and there is neither a user "postgres" nor "nobody" to run it as: create one, ' +
      'start Lifeline as another user, or set DATABASE_URL.',
  );
}

/** Gives the data to the account where it is root's own, because root has copied or restored it. */
export async function giveData(folder: string, { uid, gid }: Account): Promise<void> {
  const data = await stat(path.join(folder, 'PG_VERSION'));
  if (data.uid !== uid) await run('chown', ['-R', `${uid}:${gid}`, folder]);
}

async function named(user: string): Promise<Account | undefined> {
  try {
    const [uid, gid] = await Promise.all([run('id', ['-u', user]), run('id', ['-g', user])]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return undefined;
  }
}
