import type { Beat } from '../bus/bus.js';
import type { Page } from './beatBoard.js';
import { insist } from './insist.js';
import type { Store } from './store.js';
import { FRESH_MS, stream, type Leave } from './stream.js';

export type { Beat } from '../bus/bus.js';

/**
 * What is found for the beats of a project, from now on: `find` answers for many beats at once, in their order, with null for
 * one that is not to be told. Followers of one `name`, which says all that `find` depends on, are handed the same objects. Of
 * one session the newest beat wins while the consumer does not look. Resolves once it hears; waits out a database that
 * fails.
 */
export async function followBeats<Value>(
  store: Store,
  projectId: string,
  { name, find }: { name: string; find: (beats: readonly Beat[]) => Promise<readonly (Value | null)[]> },
): Promise<AsyncGenerator<Value, void, void>> {
  const board = store.board(projectId);
  const stop = await board.follow();
  let place = board.head;
  return stream((leave) => {
    // A generator that is left before it began runs nothing, also not what stands at its end.
    leave.on(stop);
    return tell(leave);
  });

  async function* tell(leave: Leave): AsyncGenerator<Value, void, void> {
    try {
      for (;;) {
        await board.beyond(place, leave);
        const seen = await insist(store, leave, look);
        if (!seen) return;
        yield* tellPage(seen);
      }
    } finally {
      stop();
    }
  }

  async function look(): Promise<{ page: Page; found: readonly (Value | null)[] }> {
    const page = board.page(place);
    // All of it may have been forgotten meanwhile.
    const found = page.posts.length > 0 ? await page.share(name, () => find(page.posts.map(({ beat }) => beat))) : [];
    return { page, found };
  }

  function* tellPage({ page, found }: { page: Page; found: readonly (Value | null)[] }): Generator<Value, void, void> {
    const foundAt = performance.now();
    for (const [index, post] of page.posts.entries()) {
      const value = found[index];
      if (value == null) continue;
      place = post.place;
      yield value;
      if (performance.now() - foundAt > FRESH_MS) return;
    }
    place = page.end;
  }
}
