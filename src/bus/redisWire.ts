import { Cluster, Redis, type ClusterOptions, type RedisOptions } from 'ioredis';
import { reasonOf, type Wire, type WireEvents } from './wire.js';

// Redis that does not answer in this time is as good as gone: long enough for a slow network, short beside the patience of
// whoever looks at a screen.
const SILENCE_MS = 2_000;
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;

// With jitter, so that many servers do not all return in the same instant.
const retryDelay = (times: number): number =>
  Math.min(RETRY_MIN_MS * 2 ** Math.min(times, 10), RETRY_MAX_MS) * (0.5 + Math.random() / 2);

const CONNECTION = {
  connectTimeout: SILENCE_MS,
  socketTimeout: SILENCE_MS,
  // Unanswered commands fail with the connection; hints of yesterday are not sent again.
  maxRetriesPerRequest: 0,
  // ioredis would let the promise of its own re-subscription float, and its rejection ends the process.
  autoResubscribe: false,
} satisfies RedisOptions;

/** Two connections to one server: `redis://` or, with TLS, `rediss://`. */
export function singleWire(url: string, events: WireEvents): Wire {
  const options: RedisOptions = { ...CONNECTION, enableOfflineQueue: false, retryStrategy: retryDelay };
  const publisher = new Redis(url, { ...options, connectionName: 'lifeline-publisher' });
  const subscriber = new Redis(url, { ...options, connectionName: 'lifeline-subscriber' });
  const both = [publisher, subscriber];
  const isUp = (): boolean => both.every((client) => client.status === 'ready');

  for (const client of both) {
    client.on('ready', () => isUp() && events.onUp());
    client.on('error', (error: Error) => events.onDown(reasonOf(error)));
    client.on('close', () => events.onDown('connection closed'));
  }
  subscriber.on('message', (topic: string, text: string) => events.onMessage(topic, text));

  return {
    isUp,
    publish: (topic, text) => publisher.publish(topic, text),
    subscribe: (topic) => subscriber.subscribe(topic),
    unsubscribe: (topic) => subscriber.unsubscribe(topic),
    probe: () => both.forEach(ping),
    close: () => both.forEach((client) => client.disconnect()),
  };
}

/** A cluster, by sharded pub/sub: `redis+cluster://[user:password@]host:port,host:port`. */
export function clusterWire(url: string, events: WireEvents): Wire {
  const { nodes, ...credentials } = parseClusterUrl(url);
  const options: ClusterOptions = {
    shardedSubscribers: true,
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelay,
    redisOptions: { ...CONNECTION, ...credentials, connectionName: 'lifeline' },
  };
  const cluster = new Cluster(nodes, options);
  const isUp = (): boolean => cluster.status === 'ready';
  const known = new Set<string>();

  // `subscribersReady`: after a shard has moved, died or returned; what had been subscribed there went with it.
  for (const event of ['ready', 'subscribersReady']) cluster.on(event, () => isUp() && events.onUp());
  cluster.on('-node', () => events.onDown('a node has left'));
  cluster.on('error', (error: Error) => events.onDown(reasonOf(error)));
  cluster.on('close', () => events.onDown('connection closed'));
  cluster.on('smessage', (topic: string, text: string) => events.onMessage(topic, text));

  return {
    isUp,
    async publish(topic, text) {
      // It counts those who listen at one node alone.
      await cluster.spublish(topic, text);
      return null;
    },
    async subscribe(topic) {
      // ioredis keeps a list of its own, which grows with every repetition.
      if (known.has(topic)) await cluster.sunsubscribe(topic);
      known.add(topic);
      await cluster.ssubscribe(topic);
    },
    unsubscribe(topic) {
      known.delete(topic);
      return cluster.sunsubscribe(topic);
    },
    probe: () => cluster.nodes('master').forEach(ping),
    close: () => cluster.disconnect(),
  };
}

// The answer does not matter: where none comes, the socket's time limit ends the connection.
const ping = (client: Redis): void => void client.ping().catch(() => undefined);

function parseClusterUrl(url: string): {
  nodes: { host: string; port: number }[];
  username?: string;
  password?: string;
} {
  const [list = '', login] = url.slice('redis+cluster://'.length).replace(/\/$/, '').split('@').reverse();
  const nodes = list.split(',').map((node) => {
    const { hostname, port } = new URL(`redis://${node}`);
    return { host: hostname, port: Number(port || 6379) };
  });
  if (login === undefined) return { nodes };
  const { username, password } = new URL(`redis://${login}@host`);
  return { nodes, username: decodeURIComponent(username) || undefined, password: decodeURIComponent(password) };
}
