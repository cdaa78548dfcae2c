import { once } from 'node:events';
import { resolve } from 'node:path';
import { watch } from 'chokidar';
import type { Client } from '../client/client.js';
import type { Family } from './family.js';
import { eachFamily, Import } from './import.js';
import type { Report } from './report.js';
import { EXTENSION, familyOf, findTranscripts, identify, type TranscriptFile } from './transcript.js';

/** chokidar tells of changes of a file once in 50 ms: of what is appended shortly after, nobody would hear. */
const UNTOLD_MS = 100;

/** A family whose transcripts may grow at any time. */
class FollowedFamily {
  readonly #files = new Map<string, TranscriptFile>();
  readonly #grown = new Set<string>();
  readonly #family: Family;
  #reading: Promise<void> | null = null;
  #givenUp = false;

  constructor(private readonly whole: Import) {
    this.#family = whole.family();
  }

  /** Resolves when all that has grown by now has been brought, or the family was given up. */
  async grow(file: TranscriptFile): Promise<void> {
    if (this.#givenUp) return;
    this.#files.set(file.path, file);
    this.#grown.add(file.path);
    // What a subagent was spawned by stands in its main transcript, written before.
    for (const { path, agentId } of this.#files.values()) if (agentId === null) this.#grown.add(path);
    this.#reading ??= this.whole
      .attempt(file, () => this.#read())
      .then((isTaken) => {
        this.#givenUp = !isTaken;
      });
    await this.#reading;
  }

  async #read(): Promise<void> {
    try {
      for (let file = this.#next(); file; file = this.#next()) {
        this.#grown.delete(file.path);
        await this.#family.read(file);
      }
    } finally {
      this.#reading = null;
    }
  }

  /** The main transcript comes first. */
  #next(): TranscriptFile | undefined {
    const grown = [...this.#files.values()].filter(({ path }) => this.#grown.has(path));
    return grown.find(({ agentId }) => agentId === null) ?? grown[0];
  }
}

export interface FollowOptions {
  /** Ends it: what is open stays open, for the next import to go on with. */
  signal: AbortSignal;
  /** Called when all that was there at the beginning has been brought: from then on it is live. */
  onLive?: () => void;
}

/**
 * Brings the transcripts at a path, and from then on what is appended to them and new ones, as they are written. It waits
 * for a server that is away. Sessions stay open: an agent that still runs may be writing.
 */
export async function followTranscripts(
  client: Client,
  path: string,
  { signal, onLive }: FollowOptions,
): Promise<Report> {
  // Whatever goes wrong ends the whole.
  const failure = new AbortController();
  const ended = AbortSignal.any([signal, failure.signal]);
  const whole = new Import(client, { repeatForMs: Infinity, signal: ended });
  const families = new Map<string, FollowedFamily>();
  const root = resolve(path);

  async function bring(file: TranscriptFile): Promise<void> {
    const name = familyOf(file);
    const family = families.get(name) ?? new FollowedFamily(whole);
    families.set(name, family);
    await family.grow(file);
  }

  // Watched before anything is read: nothing can be appended in between.
  const files = watch(root, {
    ignoreInitial: true,
    ignored: (name, stats) => stats?.isFile() === true && name !== root && !name.endsWith(EXTENSION),
  });
  const again = new Map<string, NodeJS.Timeout>();
  const read = (name: string) => void bring(identify(name)).catch((error: unknown) => failure.abort(error));
  const onChange = (name: string): void => {
    read(name);
    clearTimeout(again.get(name));
    again.set(name, setTimeout(read, UNTOLD_MS, name));
  };
  files.on('add', onChange).on('change', onChange);
  files.on('error', (error) => failure.abort(error));
  try {
    await once(files, 'ready', { signal: ended });
    await eachFamily(await findTranscripts(root), async (family) => {
      for (const file of family) await bring(file);
    });
    onLive?.();
    if (!ended.aborted) await once(ended, 'abort');
  } catch (error) {
    if (!ended.aborted) throw error;
  } finally {
    for (const timer of again.values()) clearTimeout(timer);
    await files.close();
  }
  if (!signal.aborted) failure.signal.throwIfAborted();
  return whole.report;
}
