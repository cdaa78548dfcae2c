import type { Case, Side } from './case.js';
import type { Place } from './place.js';

export interface Result {
  readonly case: string;
  readonly against: string;
  /** The median of ours ÷ the median of theirs. */
  readonly ratio: number;
  readonly mark: number;
  readonly better: Case['better'];
  readonly met: boolean;
  readonly unit: string;
  /** The medians. */
  readonly ours: number;
  readonly theirs: number;
  /** How far apart the rounds of each side were: (largest − smallest) ÷ median. */
  readonly spread: { readonly ours: number; readonly theirs: number };
  /** Every figure, in the order of the rounds. */
  readonly rounds: { readonly ours: readonly number[]; readonly theirs: readonly number[] };
}

/** Takes so many rounds of each side, mostly after one that does not count: ours, theirs, theirs, ours, ours, … */
export async function measure(given: Case, place: Place, count: number): Promise<Result[]> {
  const { ours, theirs, close } = await given.sides(place);
  try {
    if (!given.isAnew) {
      await ours();
      await theirs();
    }
    const rounds = { ours: [] as number[], theirs: [] as number[] };
    const take = async (side: keyof typeof rounds, run: Side): Promise<void> => void rounds[side].push(await run());
    for (let round = 0; round < count; round++) {
      if (round % 2 === 0) {
        await take('ours', ours);
        await take('theirs', theirs);
      } else {
        await take('theirs', theirs);
        await take('ours', ours);
      }
    }
    return [judge(given, rounds), ...judgeLimit(given, rounds)];
  } finally {
    await close?.();
  }
}

function judge({ name, against, unit, better, mark }: Case, rounds: Result['rounds']): Result {
  const [ours, theirs] = [median(rounds.ours), median(rounds.theirs)];
  const ratio = ours / theirs;
  const met = better === 'higher' ? ratio >= mark : ratio <= mark;
  const spread = { ours: spreadOf(rounds.ours), theirs: spreadOf(rounds.theirs) };
  return { case: name, against, ratio, mark, better, met, unit, ours, theirs, spread, rounds };
}

function judgeLimit({ limit, ...given }: Case, { ours }: Result['rounds']): Result[] {
  if (limit === undefined) return [];
  return [judge({ ...given, against: `${limit} ${given.unit}`, mark: 1 }, { ours, theirs: ours.map(() => limit) })];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const at = (index: number): number => sorted[Math.floor(index)] ?? NaN;
  return (at((sorted.length - 1) / 2) + at(sorted.length / 2)) / 2;
}

const spreadOf = (values: readonly number[]): number => (Math.max(...values) - Math.min(...values)) / median(values);
