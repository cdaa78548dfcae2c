import { Audience } from './audience.js';
import { beatOutbox } from './beat.js';
import type { Beat, Bus, Hint } from './bus.js';
import { Outbox } from './outbox.js';

/** The bus of a single process: it is never degraded, and loses nothing but what `close` cuts off. */
export function memoryBus(): Bus {
  const hintAudience = new Audience<Hint>();
  const beatAudience = new Audience<readonly Beat[]>();
  const hints = new Outbox<number>({
    send(positions) {
      for (const [projectId, position] of positions) hintAudience.tell(projectId, position);
    },
    merge: (kept = 0, position) => Math.max(kept, position),
  });
  const beats = beatOutbox((told) => {
    for (const [projectId, newest] of told) beatAudience.tell(projectId, [...newest.values()]);
  });
  let closed = false;

  return {
    announce(projectId, position) {
      if (!closed) hints.put(projectId, position);
    },
    listen(projectId, onHint) {
      return Promise.resolve(closed ? () => undefined : hintAudience.add(projectId, onHint));
    },
    tellBeats(projectId, told) {
      if (!closed && beatAudience.has(projectId)) beats.put(projectId, told);
    },
    listenBeats(projectId, onBeats) {
      return Promise.resolve(closed ? () => undefined : beatAudience.add(projectId, onBeats));
    },
    status: () => 'ok',
    close() {
      closed = true;
      for (const outbox of [hints, beats]) outbox.clear();
      for (const audience of [hintAudience, beatAudience]) audience.clear();
      return Promise.resolve();
    },
  };
}
