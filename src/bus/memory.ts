import { Audience } from './audience.js';
import type { Bus } from './bus.js';
import { Outbox } from './outbox.js';

/** The bus of a single process: it is never degraded, and loses nothing but what `close` cuts off. */
export function memoryBus(): Bus {
  const audience = new Audience();
  const outbox = new Outbox((hints) => {
    for (const [projectId, position] of hints) audience.tell(projectId, position);
  });
  let closed = false;

  return {
    announce(projectId, position) {
      if (!closed) outbox.put(projectId, position);
    },
    listen(projectId, onHint) {
      return Promise.resolve(closed ? () => undefined : audience.add(projectId, onHint));
    },
    status: () => 'ok',
    close() {
      closed = true;
      outbox.clear();
      audience.clear();
      return Promise.resolve();
    },
  };
}
