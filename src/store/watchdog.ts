// The watchdog looks at every live session from time to time and gives its verdict on those that have been silent for too
// long. It never ends one. Any number of servers may look: one at a time does, and a heartbeat that arrives meanwhile wins.
import { NIL } from 'uuid';
import { keepTicking } from './hearing.js';
import type { Store } from './store.js';
import { findSuspects, type Found, type Place } from './suspect.js';
import { judgeOne, judgeTogether } from './verdict.js';

// Any number will do, as long as nobody else in this database takes the same.
const LOCK = 7_361_529;
// For so long, and one verdict, a sweep keeps a connection for reads and the lock with it; then it takes both again.
const STRETCH_MS = 2_000;
// What a stretch has time for, and not too much to hold in memory.
const AT_ONCE = 5_000;
// Their rows, and at last the project's, are locked for as long as this takes: some 50 ms, for which a writer may wait.
const TOGETHER = 500;

/** What a sweep did: suspects are those for whom something was due, verdicts the changes that it made. */
export interface Sweep {
  suspects: number;
  verdicts: number;
}

interface Options {
  intervalMs: number;
  /** Ends the sweep after the suspects that it is at. */
  signal?: AbortSignal;
}

/** Looks at all live sessions of all projects once; null where another server is at it. A suspect that fails is logged. */
export async function sweep(store: Store, { intervalMs, signal }: Options): Promise<Sweep | null> {
  const swept: Sweep = { suspects: 0, verdicts: 0 };
  let after: Place | null = NOBODY;
  while (after && !signal?.aborted) {
    const stretch: Stretch | null = await sweepStretch(store, after, { intervalMs, signal });
    // One that has taken the lock in between looks at all from the first on.
    if (!stretch) return after === NOBODY ? null : swept;
    swept.suspects += stretch.suspects;
    swept.verdicts += stretch.verdicts;
    after = stretch.last;
  }
  return swept;
}

/** Comes before all. */
const NOBODY: Place = { projectId: NIL, id: NIL };

interface Stretch extends Sweep {
  /** The last that it came to; null where none is left. */
  last: Place | null;
}

/** Judges those after `after` for as long as a stretch may take. Null without the lock. */
async function sweepStretch(store: Store, after: Place, { intervalMs, signal }: Options): Promise<Stretch | null> {
  // It holds the lock and reads; what is written goes by connections for writes, so that neither waits for the other.
  return store.database.prisma.$transaction(async (db) => {
    const [lock] = await db.$queryRaw<{ mine: boolean }[]>`SELECT pg_try_advisory_xact_lock(${LOCK}) AS "mine"`;
    if (!lock?.mine) return null;
    await using ticking = await keepTicking(store, intervalMs);
    const stretch: Stretch = { suspects: 0, verdicts: 0, last: null };
    if (!ticking.hearing().hasHeardEnough) return stretch;
    const suspects = await findSuspects(db, { after, hearingSince: ticking.hearing().since, limit: AT_ONCE });
    const until = performance.now() + STRETCH_MS;
    // Where the service was away meanwhile, as on a machine that slept, all that was due is so no longer.
    const isOver = (): boolean => signal?.aborted === true || !ticking.hearing().hasHeardEnough;
    for (const batches of inPairs(batched(suspects))) {
      if (isOver()) return stretch;
      const { since } = ticking.hearing();
      const given = await Promise.all(batches.map((batch) => judgeTogether(store, batch, since)));
      stretch.suspects += batches.flat().length;
      stretch.verdicts += given.reduce((sum, { verdicts }) => sum + verdicts, 0);
      for (const suspect of given.flatMap(({ left }) => left)) {
        if (isOver()) return stretch;
        if (await judgeOne(store, suspect, ticking.hearing().since)) stretch.verdicts += 1;
        if (performance.now() > until) return { ...stretch, last: suspect };
      }
      if (performance.now() > until) return { ...stretch, last: batches.flat().at(-1) ?? null };
    }
    return suspects.length < AT_ONCE ? stretch : { ...stretch, last: suspects.at(-1) ?? null };
  });
}

type Batch = [Found, ...Found[]];

/** The suspects, in their order, as many together as are of one project. */
function batched(suspects: readonly Found[]): Batch[] {
  const batches: Batch[] = [];
  for (const suspect of suspects) {
    const batch = batches.at(-1);
    if (batch?.[0].projectId === suspect.projectId && batch.length < TOGETHER) batch.push(suspect);
    else batches.push([suspect]);
  }
  return batches;
}

// While one is written by the database the next one is made up; more at once would only wait for the log of their project.
function inPairs<Item>(items: readonly Item[]): Item[][] {
  return items.flatMap((item, index) => (index % 2 === 0 ? [items.slice(index, index + 2)] : []));
}
