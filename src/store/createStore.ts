import { writePlain, type PlainAppend } from './append.js';
import { foldSigns, takePlain } from './beat.js';
import { BeatBoard } from './beatBoard.js';
import { openClock } from './clock.js';
import { Coalescer } from './coalescer.js';
import { GroupQueue } from './groupQueue.js';
import type { Observer } from './observer.js';
import { retrying } from './retry.js';
import { writeSaves } from './save.js';
import type { Save, Saved } from './savedContent.js';
import type { Store } from './store.js';
import { LogTail, type LogSource } from './tail.js';
import { readVitals } from './vitals.js';

// Milliseconds of the database's time, of which what a statement costs by itself is a small part.
const BEATS_PER_STATEMENT = 1_000;
// While the database takes one, this process makes the next.
const BEAT_STATEMENTS_AT_ONCE = 3;
// Half a pool of connections.
const BEATS_ALONE_AT_ONCE = 5;

/** Resolves once the database has answered and its clock is known. */
export async function createStore(source: LogSource, observer: Observer | null = null): Promise<Store> {
  const clock = await openClock(source);
  const tails = eachOf((projectId) => new LogTail(source, projectId));
  const boards = eachOf((projectId) => new BeatBoard(source.bus, projectId));
  const appends = eachOf((projectId) => openAppends({ ...source, observer }, projectId));
  const saves = eachOf((projectId) => new GroupQueue<Save, Saved>((group) => writeSaves(store, projectId, group)));

  const store: Store = {
    ...source,
    observer,
    subscribers: () => [...tails.opened.values()].reduce((sum, tail) => sum + tail.followers, 0),
    now: () => clock.now(),
    appends: appends.of,
    saves: saves.of,
    beats: new Coalescer({
      realmOf: ({ projectId }) => projectId,
      keyOf: ({ sessionId }) => sessionId,
      fold: foldSigns,
      flush(signs) {
        observer?.beaten(signs.length);
        return takePlain(source, signs);
      },
      batch: BEATS_PER_STATEMENT,
      batches: BEAT_STATEMENTS_AT_ONCE,
      alone: BEATS_ALONE_AT_ONCE,
    }),
    board: boards.of,
    tail: tails.of,
    vitals: () => readVitals(source.database, tails.opened),
    async settled() {
      await Promise.all(Array.from(tails.opened.values(), (tail) => tail.settled()));
    },
    async close() {
      clock.stop();
      const writing = [store.beats, ...appends.opened.values(), ...saves.opened.values()];
      await Promise.all(writing.map((each) => each.close()));
      for (const board of boards.opened.values()) board.close();
      await Promise.all(Array.from(tails.opened.values(), (tail) => tail.close()));
    },
  };
  return store;
}

/** One for each project, opened when it is first asked for. */
function eachOf<T>(open: (projectId: string) => T): { of: (projectId: string) => T; opened: ReadonlyMap<string, T> } {
  const opened = new Map<string, T>();
  return {
    of(projectId) {
      const one = opened.get(projectId) ?? open(projectId);
      opened.set(projectId, one);
      return one;
    },
    opened,
  };
}

function openAppends({ database, bus, observer }: Pick<Store, 'database' | 'bus' | 'observer'>, projectId: string) {
  return new GroupQueue<PlainAppend, bigint>(async (appends) => {
    const positions = await retrying({ observer }, () => writePlain(database, projectId, appends));
    const last = positions.reduce<bigint>((most, position) => (position && position > most ? position : most), 0n);
    if (last > 0n) bus.announce(projectId, Number(last));
    return positions;
  });
}
