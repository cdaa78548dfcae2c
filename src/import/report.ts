import type { Skip } from './action.js';

/** How many lines of a kind are named one by one. */
const MOST_NAMED = 20;

/** What an import did, counted as it goes. */
export class Report {
  /** Sessions that it started. */
  sessions = 0;
  /** Sessions that were there before. */
  known = 0;
  /** Events that it recorded: what was there before is not counted. */
  events = 0;
  /** Commands and checkpoints, likewise. */
  commands = 0;
  checkpoints = 0;
  readonly skips: Skip[] = [];
  /** By session: how many events came after it had ended, and so could not be brought in. */
  readonly late = new Map<string, number>();
  /** Sessions that came after their run had been completed, and so are outside it. */
  readonly outside: string[] = [];
  /** Transcripts that were given up, and why. */
  readonly refusals: { file: string; reason: string }[] = [];

  readonly #begin = performance.now();

  countLate(session: string, events: number): void {
    if (events > 0) this.late.set(session, (this.late.get(session) ?? 0) + events);
  }

  /** The report for programs. */
  toJSON() {
    const { sessions, known, events, commands, checkpoints, skips, outside, refusals } = this;
    const skipped = skips.map(({ file, line, reason }) => ({ file, line, reason }));
    const late = Object.fromEntries(this.late);
    return { sessions, known, events, commands, checkpoints, skipped, late, outside, refusals };
  }

  /** The report as lines of text. */
  lines(): string[] {
    const seconds = (performance.now() - this.#begin) / 1000;
    const rate = Math.round(this.events / seconds);
    return [
      `${counted(this.sessions, 'session')} started, ${this.known} known before; ` +
        `${counted(this.events, 'event')}, ${counted(this.commands, 'command')} and ` +
        `${counted(this.checkpoints, 'checkpoint')} recorded in ${seconds.toFixed(1)} s (${rate} events/s)`,
      ...named(
        'skipped',
        this.skips.map(({ file, line, reason }) => `${file}${line === null ? '' : `:${line}`} ${reason}`),
      ),
      ...named(
        'left out',
        [...this.late].map(
          ([session, events]) => `${counted(events, 'event')} of session ${session}: it had ended before`,
        ),
      ),
      ...named(
        'outside their run, which had been completed before',
        this.outside.map((session) => `session ${session}`),
      ),
      ...named(
        'given up',
        this.refusals.map(({ file, reason }) => `${file}: ${reason}`),
      ),
    ];
  }
}

function named(what: string, lines: string[]): string[] {
  if (lines.length === 0) return [];
  const rest = lines.length - MOST_NAMED;
  const shown = [...lines.slice(0, MOST_NAMED), ...(rest > 0 ? [`and ${rest} more`] : [])];
  return [`${what}: ${lines.length}`, ...shown.map((line) => `  ${line}`)];
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
