// What another process costs, as its own runtime and Linux tell it.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { WebSocket } from 'ws';

/** As `npm start` and the image have it, and Node from version 24 on by itself: answers under way are not copied so often. */
export const ROOM = '--max-semi-space-size=64';

/** An environment in which a process can be looked into, and where. */
export async function inspected(): Promise<{ env: { NODE_OPTIONS: string }; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return { env: { NODE_OPTIONS: `${ROOM} --inspect=127.0.0.1:${port} --inspect-publish-uid=http` }, port };
}

/** The bytes of the heap after everything that is garbage has been collected. */
export async function heapOf(port: number): Promise<number> {
  const listed = await fetch(`http://127.0.0.1:${port}/json/list`);
  const [target] = (await listed.json()) as { webSocketDebuggerUrl: string }[];
  const socket = new WebSocket(target?.webSocketDebuggerUrl ?? '');
  await once(socket, 'open');
  const ask = async (method: string): Promise<{ usedSize: number }> => {
    socket.send(JSON.stringify({ id: 1, method }));
    for (;;) {
      const [data] = (await once(socket, 'message')) as [Buffer];
      const { id, result } = JSON.parse(data.toString()) as { id?: number; result: { usedSize: number } };
      if (id === 1) return result;
    }
  };
  await ask('HeapProfiler.collectGarbage');
  await ask('HeapProfiler.collectGarbage');
  const { usedSize } = await ask('Runtime.getHeapUsage');
  socket.terminate();
  return usedSize;
}

const TICK_MS = 10;

/** The milliseconds for which a process has had a processor so far. */
export async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const [user = 0, system = 0] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
    .map(Number);
  return (user + system) * TICK_MS;
}
