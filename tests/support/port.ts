import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * A free port of the loopback for a server that goes and comes back. It lies below those that an operating system hands out by
 * itself, so that nothing else is given it meanwhile.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(20_000, 32_000);
    const probe = createServer().listen(port, '127.0.0.1');
    try {
      await once(probe, 'listening');
    } catch {
      // Taken: another one.
      continue;
    }
    probe.close();
    await once(probe, 'close');
    return port;
  }
}
