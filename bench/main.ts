// `npm run bench`: every case side by side with what it is held against, in rounds that take turns, on this machine.
import { parseArgs } from 'node:util';
import { giveUp } from '../src/giveUp.js';
import { runCaller } from './caller.js';
import { NotMeasured, type Case } from './case.js';
import { runFloor } from './floor.js';
import { openPlace, type Place } from './place.js';
import { ROOM } from './process.js';
import { lineOf, writeResults, type Missing } from './result.js';
import { measure, type Result } from './round.js';
import { cases } from './table.js';

const ROUNDS = 5;

/** Where all has to be over soon, one is enough of those that begin anew: they make the most ready, and vary the least. */
const roundsOf = ({ isAnew }: Case, { quick }: Place): number => (quick ? (isAnew ? 1 : 2) : ROUNDS);

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

async function bench({ quick, wanted, workers }: { quick: boolean; wanted: string; workers: number }): Promise<void> {
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
    const result = await take(each, place);
    if ('reason' in result) taken.missing.push(result);
    else taken.results.push(result);
  }
  return taken;
}

async function take(each: Case, place: Place): Promise<Result | Missing> {
  try {
    const result = await measure(each, place, roundsOf(each, place));
    say(`        ${lineOf(result)}`);
    return result;
  } catch (error) {
    if (!(error instanceof NotMeasured)) throw error;
    say(`        not measured: ${error.message}`);
    return { case: each.name, against: each.against, reason: error.message };
  }
}

const [, , kind, ...rest] = process.argv;
if (kind === 'caller') {
  runCaller();
} else if (kind === 'floor') {
  await runFloor(rest);
} else {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      case: { type: 'string', default: '' },
      workers: { type: 'string', default: '1' },
    },
  });
  await bench({ quick: values.quick, wanted: values.case, workers: Number(values.workers) }).then(
    () => process.exit(0),
    giveUp,
  );
}
