import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { serve, type Running } from '../support/program.js';
import { openRelay, type Relay } from '../support/relay.js';

export interface ServerOptions {
  readonly name: string;
  /** Asked at each connection, for a database that was restarted is elsewhere. */
  readonly databaseUrl: () => string;
  readonly redisUrl: string;
}

// Sessions fall silent for a few seconds only: it has to look as often.
const SETTINGS = { LIFELINE_WATCHDOG_INTERVAL_MS: '300' };

/** A server as a process, with the lines on which it reaches its database and its Redis. */
export class Server {
  readonly name: string;
  readonly database: Relay;
  readonly redis: Relay;
  /** What it did unasked: ended, or ended with a fault when it was told to end in order. */
  readonly failures: string[] = [];
  readonly #lives: Running[] = [];
  #url = '';
  #isWanted = false;

  private constructor(name: string, database: Relay, redis: Relay) {
    this.name = name;
    this.database = database;
    this.redis = redis;
  }

  static async start({ name, databaseUrl, redisUrl }: ServerOptions): Promise<Server> {
    const database = await openRelay(databaseUrl(), { route: databaseUrl });
    const server = new Server(name, database, await openRelay(redisUrl));
    await server.start();
    return server;
  }

  /** Where it was reached last; another port after each start. */
  get url(): string {
    return this.#url;
  }

  /** Rejects where it does not get ready. */
  async start(): Promise<void> {
    this.#isWanted = true;
    const running = await serve({ DATABASE_URL: this.database.url, REDIS_URL: this.redis.url, ...SETTINGS });
    this.#lives.push(running);
    this.#url = running.url;
    const life = this.#lives.length;
    void running.ended.then(({ code, stderr }) => {
      const end = stderr.trimEnd().split('\n').slice(-3).join('\n');
      if (this.#isWanted && life === this.#lives.length) {
        this.failures.push(`${this.name} ended by itself with ${code}: ${end}`);
      }
    });
  }

  /** Ends it as a signal does that it cannot catch. */
  async kill(): Promise<void> {
    this.#isWanted = false;
    const running = this.#lives.at(-1);
    running?.process.kill('SIGKILL');
    await running?.ended;
  }

  /** Ends it in order. */
  async stop(): Promise<void> {
    this.#isWanted = false;
    const running = this.#lives.at(-1);
    running?.process.kill('SIGTERM');
    const ended = await running?.ended;
    if (ended && ended.code !== 0) {
      const end = ended.stderr.trimEnd().split('\n').slice(-3).join('\n');
      this.failures.push(`${this.name} ended with ${ended.code} after SIGTERM: ${end}`);
    }
  }

  /** Stops it for good. */
  async close(): Promise<void> {
    await this.kill();
    await this.database[Symbol.asyncDispose]();
    await this.redis[Symbol.asyncDispose]();
  }

  /** Writes what each of its lives has logged, once it is closed. */
  async keepLogs(folder: string): Promise<void> {
    for (const [index, { ended }] of this.#lives.entries()) {
      const file = `${this.name.replaceAll(' ', '-')}-life-${index + 1}.log`;
      await writeFile(path.join(folder, file), (await ended).stderr);
    }
  }
}
