import type { Action } from './action.js';
import type { ClaudeCodePlan } from './claudeCode.js';
import type { Lane } from './lane.js';
import type { TranscriptPlan } from './plan.js';
import { type TranscriptFile, readBytes } from './transcript.js';

/** How far a transcript has been read. */
interface Reading {
  plan: TranscriptPlan;
  offset: number;
  /** Whether it could be read to its end the last time. */
  whole: boolean;
}

/** Transcripts that belong together: read one after another, each on from where it was left. */
export class Family {
  readonly #readings = new Map<string, Reading>();

  constructor(
    private readonly plan: ClaudeCodePlan,
    private readonly lane: Lane,
    private readonly onRead: (bytes: number) => void,
  ) {}

  /** Brings what a transcript holds beyond what was read of it before. A subagent's comes after its main one's. */
  async read(file: TranscriptFile): Promise<void> {
    for await (const action of this.#actions(file)) await this.lane.take(action);
    await this.lane.flush();
  }

  /**
   * Brings what the end of the transcripts calls for. One that could not be read to its end stays open: importing again goes
   * on with it.
   */
  async finish(): Promise<void> {
    const whole = [...this.#readings.values()].filter((reading) => reading.whole);
    // Whom a session has spawned ends before it.
    for (const { plan } of whole.reverse()) {
      for (const action of plan.finish()) await this.lane.take(action);
    }
    await this.lane.flush();
  }

  async *#actions(file: TranscriptFile): AsyncGenerator<Action> {
    const known = this.#readings.get(file.path);
    const reading: Reading = known ?? { plan: this.plan.open(file), offset: 0, whole: true };
    this.#readings.set(file.path, reading);
    try {
      reading.whole = true;
      for await (const bytes of readBytes(file, reading.offset)) {
        reading.offset += bytes.length;
        yield* reading.plan.push(bytes);
        this.onRead(bytes.length);
      }
    } catch (error) {
      reading.whole = false;
      yield { kind: 'skip', file: file.path, line: null, reason: `cannot be read: ${String(error)}` };
    }
  }
}
