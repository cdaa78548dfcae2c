import { once } from 'node:events';
import { isIPv6, type AddressInfo, type Server } from 'node:net';

/** Resolves with where it listens, as a URL begins with it: `http://127.0.0.1:4000`. Port 0 takes a free one. */
export async function listen(server: Server, host: string, port: number): Promise<string> {
  try {
    await once(server.listen(port, host), 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    const advice = 'Choose another by --port or PORT; 0 is a free one.';
    throw new Error(`Port ${port} of ${host} is in use by another program. ${advice}`, { cause: error });
  }
  const { port: taken } = server.address() as AddressInfo;
  return `http://${isIPv6(host) ? `[${host}]` : host}:${taken}`;
}
