import type { Logger } from 'pino';
import type { Bus } from './bus.js';
import { clusterWire, singleWire } from './redisWire.js';
import { wiredBus } from './wired.js';

/**
 * The bus of many servers, over Redis or Valkey: `redis://`, `rediss://` or `redis+cluster://host:port,host:port`.
 * Resolves once connected, or degraded where Redis cannot be reached; it goes on trying, and tells the log when that changes.
 * Throws only where the URL cannot be read.
 */
export function redisBus({ url, log }: { url: string; log: Logger }): Promise<Bus> {
  const open = url.startsWith('redis+cluster:') ? clusterWire : singleWire;
  return wiredBus({ connect: (events) => open(url, events), carrier: 'Redis', log });
}
