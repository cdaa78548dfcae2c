export const PERCENTILES = [50, 95, 99] as const;

/** The value that so many per cent of all values do not exceed, for each of PERCENTILES; NaN where there is none. */
export function percentiles(values: readonly number[]): number[] {
  const sorted = values.toSorted((one, other) => one - other);
  return PERCENTILES.map((percent) => sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? NaN);
}
