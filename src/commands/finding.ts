// What a doctor makes of what was measured: pure, so that every judgement can be tested without an illness.

export type Verdict = 'ok' | 'warn' | 'fail';

export interface Finding {
  readonly check: string;
  readonly verdict: Verdict;
  /** What was seen. */
  readonly found: string;
  /** What to do; null where nothing is to be done. */
  readonly advice: string | null;
}

export const ok = (check: string, found: string): Finding => ({ check, verdict: 'ok', found, advice: null });
export const warn = (check: string, found: string, advice: string): Finding => ({
  check,
  verdict: 'warn',
  found,
  advice,
});
export const fail = (check: string, found: string, advice: string): Finding => ({
  check,
  verdict: 'fail',
  found,
  advice,
});

/** Whether anything has to be put right before a server can do its work. */
export const hasFailed = (findings: readonly Finding[]): boolean => findings.some(({ verdict }) => verdict === 'fail');

const NODE_OLDEST = [20, 19] as const;

/** `version` as `process.versions.node` has it. */
export function judgeNode(version: string): Finding {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const isOld = major < NODE_OLDEST[0] || (major === NODE_OLDEST[0] && minor < NODE_OLDEST[1]);
  return isOld ? fail('node', version, `Lifeline needs Node ${NODE_OLDEST.join('.')} or later.`) : ok('node', version);
}

const POSTGRES_OLDEST = 150_000;

/** `versionNumber` as PostgreSQL's `server_version_num`. */
export function judgeVersion(version: string, versionNumber: number): Finding {
  return versionNumber < POSTGRES_OLDEST
    ? fail('database version', version, 'Lifeline needs PostgreSQL 15 or later.')
    : ok('database version', version);
}

/** What the database records of migrations, and what this version of Lifeline brings. */
export interface Migrations {
  readonly expected: readonly string[];
  readonly applied: readonly string[];
  readonly failed: readonly string[];
}

export function judgeMigrations({ expected, applied, failed }: Migrations): Finding {
  const pending = expected.filter((name) => !applied.includes(name));
  const unknown = applied.filter((name) => !expected.includes(name));
  if (failed.length > 0) {
    const advice = 'Run `lifeline migrate`: it tries again, and says what PostgreSQL refuses.';
    return fail('migrations', `failed: ${failed.join(', ')}`, advice);
  }
  if (pending.length > 0) {
    return warn('migrations', `pending: ${pending.join(', ')}`, 'The next start applies them, or `lifeline migrate`.');
  }
  if (unknown.length > 0) {
    const advice = 'A newer Lifeline has been at this database: run that version.';
    return fail('migrations', `unknown to this version: ${unknown.join(', ')}`, advice);
  }
  return ok('migrations', `${applied.length} applied, none pending`);
}

const CLOCK_WARN_MS = 1_000;
const CLOCK_FAIL_MS = 60_000;

/** By how much the database's clock is ahead; it is known to half of the round trip. */
export function judgeClock(aheadMs: number, roundTripMs: number): Finding {
  const found = `the database is ${Math.abs(aheadMs)} ms ${aheadMs < 0 ? 'behind' : 'ahead'} (± ${Math.ceil(roundTripMs / 2)} ms)`;
  const advice = 'Let both machines keep their time by NTP: times that callers send are held against the database’s.';
  const offMs = Math.abs(aheadMs) - roundTripMs / 2;
  if (offMs > CLOCK_FAIL_MS) return fail('clock', found, advice);
  return offMs > CLOCK_WARN_MS ? warn('clock', found, advice) : ok('clock', found);
}

export interface Connections {
  /** `max_connections` without those that are reserved for superusers. */
  readonly usable: number;
  /** Of others than this process, now. */
  readonly taken: number;
  /** What one server opens at most. */
  readonly wanted: number;
}

export function judgeConnections({ usable, taken, wanted }: Connections): Finding {
  const found = `${taken} of ${usable} taken, a server opens up to ${wanted}`;
  if (wanted > usable) {
    return fail(
      'connections',
      found,
      `Raise max_connections above ${wanted}, or lower LIFELINE_POOL_SIZE or LIFELINE_WORKERS.`,
    );
  }
  if (taken + wanted > usable) {
    const advice =
      'Room for another server is short: raise max_connections, or lower LIFELINE_POOL_SIZE or LIFELINE_WORKERS.';
    return warn('connections', found, advice);
  }
  return ok('connections', found);
}

/** Settings without which a database may lose what it has confirmed, or cannot be written at all. */
export interface Durability {
  readonly fsync: string;
  readonly fullPageWrites: string;
  readonly synchronousCommit: string;
  readonly isReadOnly: boolean;
}

export function judgeDurability({ fsync, fullPageWrites, synchronousCommit, isReadOnly }: Durability): Finding {
  if (isReadOnly) {
    return fail('durability', 'the database takes no writes', 'DATABASE_URL has to name the primary, not a replica.');
  }
  const off = Object.entries({ fsync, full_page_writes: fullPageWrites, synchronous_commit: synchronousCommit })
    .filter(([, value]) => value === 'off')
    .map(([name]) => name);
  return off.length > 0
    ? warn('durability', `${off.join(', ')} off`, 'A crash can lose what was confirmed: turn it on.')
    : ok('durability', `fsync ${fsync}, synchronous_commit ${synchronousCommit}`);
}

const MIB = 1024 * 1024;
const DISK_WARN_MIB = 2048;
const DISK_FAIL_MIB = 200;

export function judgeDisk(folder: string, freeBytes: number): Finding {
  const free = Math.floor(freeBytes / MIB);
  const found = `${free} MiB free at ${folder}`;
  const advice = 'Make room: a database without any stops.';
  if (free < DISK_FAIL_MIB) return fail('disk', found, advice);
  return free < DISK_WARN_MIB ? warn('disk', found, advice) : ok('disk', found);
}
