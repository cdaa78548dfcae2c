// Every case side by side with what it is held against, in rounds that take turns.
import { NotMeasured, type Case } from './case.js';
import { openPlace, type Place } from './place.js';
import { ROOM } from './process.js';
import { lineOf, writeResults, type Missing } from './result.js';
import { measure, type Result } from './round.js';
import { cases } from './table.js';

const ROUNDS = 5;
const QUICK_ROUNDS = 1;

const started = performance.now();
const say = (line: string): void =>
  void process.stdout.write(`${((performance.now() - started) / 1_000).toFixed(1).padStart(7)} s  ${line}\n`);

/** Rejects with the first signal that would end the process: what was started has to be stopped. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => reject(new Error(`ended by ${signal}`)));
  });
}

export interface Wanted {
  readonly quick: boolean;
  /** A part of the names of the cases. */
  readonly wanted: string;
  readonly workers: number;
}

/** @throws where a case fails, or a signal ends it; what was started is stopped then too. */
export async function bench({ quick, wanted, workers }: Wanted): Promise<void> {
  const chosen = cases.filter(({ name, against }) => `${name} ${against}`.includes(wanted));
  if (chosen.length === 0) throw new Error(`no case has "${wanted}" in its name`);
  // Both sides alike: what they start has it from here.
  process.env.NODE_OPTIONS = ROOM;
  const interrupted = interruption();
  interrupted.catch(() => undefined);
  const { place, close } = await openPlace({ quick, workers, say });
  try {
    const { results, missing } = await Promise.race([takeAll(chosen, place), interrupted]);
    say(`${results.filter(({ met }) => met).length} of ${results.length} marks met`);
    // A part of the table is no table.
    if (!wanted) await writeResults(place, results, missing);
  } finally {
    await close();
  }
}

interface Taken {
  readonly results: Result[];
  readonly missing: Missing[];
}

async function takeAll(chosen: readonly Case[], place: Place): Promise<Taken> {
  const taken: Taken = { results: [], missing: [] };
  for (const [index, each] of chosen.entries()) {
    say(`${index + 1} of ${chosen.length}: ${each.name} · ${each.against}`);
    try {
      const results = await measure(each, place, place.quick ? QUICK_ROUNDS : ROUNDS);
      for (const result of results) say(`        ${lineOf(result)}`);
      taken.results.push(...results);
    } catch (error) {
      if (!(error instanceof NotMeasured)) throw error;
      say(`        not measured: ${error.message}`);
      taken.missing.push({ case: each.name, against: each.against, reason: error.message });
    }
  }
  return taken;
}
