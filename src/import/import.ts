import { stat } from 'node:fs/promises';
import { ClientError, type Client } from '../client/client.js';
import { mayPass } from '../client/error.js';
import { ClaudeCodePlan } from './claudeCode.js';
import { Family } from './family.js';
import { Lane } from './lane.js';
import { Report } from './report.js';
import { Sender, type SendOptions } from './send.js';
import type { TranscriptFile } from './transcript.js';

/** Families at once: enough to keep a server busy that waits for its database. */
const FAMILIES_AT_ONCE = 4;

/** Is told how far an import is. */
export interface Watcher {
  /** That many bytes more have been read, and sent but for the last few. */
  read?(bytes: number): void;
  /** All transcripts of this family have been brought. */
  finished?(family: readonly TranscriptFile[]): void;
}

/** What all families of an import share. */
export class Import {
  readonly report = new Report();
  readonly #plan = new ClaudeCodePlan();
  readonly #sender: Sender;

  constructor(
    client: Client,
    options: SendOptions,
    private readonly watcher: Watcher = {},
  ) {
    this.#sender = new Sender(client, this.report, options);
  }

  family(): Family {
    return new Family(this.#plan, new Lane(this.#sender, this.report), (bytes) => this.watcher.read?.(bytes));
  }

  /** Does the work for this transcript's family; false where the server refuses it: then the family is to be given up. */
  async attempt(file: TranscriptFile | undefined, work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof ClientError) || mayPass(error)) throw error;
      this.report.refusals.push({ file: file?.path ?? '', reason: error.message });
      return false;
    }
  }

  /** Completes the runs whose transcripts have all been read to their end. */
  async finish(): Promise<void> {
    for (const action of this.#plan.finish()) await this.#sender.completeRun(action);
  }
}

/**
 * Brings all transcripts of these families, as `findTranscripts` gives them, and ends their sessions and runs.
 * @throws ConnectionError, or ClientError UNAVAILABLE, where the server is away for longer than `repeatForMs`.
 */
export async function importTranscripts(
  client: Client,
  families: readonly TranscriptFile[][],
  { watcher, ...options }: SendOptions & { watcher?: Watcher },
): Promise<Report> {
  const whole = new Import(client, options, watcher);
  await eachFamily(families, (files) =>
    whole.attempt(files[0], async () => {
      const family = whole.family();
      for (const file of files) await family.read(file);
      await family.finish();
      watcher?.finished?.(files);
    }),
  );
  await whole.finish();
  return whole.report;
}

/** A few families at once; lone subagents after all others, since what spawned them may be told there. */
export async function eachFamily(
  families: readonly TranscriptFile[][],
  work: (files: TranscriptFile[]) => Promise<unknown>,
): Promise<void> {
  const isLone = ([first]: TranscriptFile[]) => first !== undefined && first.agentId !== null;
  for (const part of [families.filter((files) => !isLone(files)), families.filter(isLone)]) {
    // One iterator for all: each takes the next family that is left.
    const left = part.values();
    const workers = Array.from({ length: FAMILIES_AT_ONCE }, async () => {
      for (const files of left) await work(files);
    });
    await Promise.all(workers);
  }
}

/** What these transcripts weigh now, in bytes; those that cannot be read weigh nothing. */
export async function weigh(families: readonly TranscriptFile[][]): Promise<number> {
  const sizes = families.flat().map(({ path }) =>
    stat(path).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
