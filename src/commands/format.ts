const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** A time span as people tell it, in at most two units: `3h 20m`. */
export function duration(seconds: number): string {
  const first = UNITS.findIndex(([, unit]) => seconds >= unit);
  if (first === -1) return '0s';
  let left = Math.floor(seconds);
  const parts = UNITS.slice(first, first + 2).map(([name, unit]) => {
    const count = Math.floor(left / unit);
    left %= unit;
    return count > 0 ? `${count}${name}` : '';
  });
  return parts.filter((part) => part !== '').join(' ');
}

/** A time to the second, in UTC. */
export function second(at: string): string {
  return at.replace(/\.\d+Z$/, 'Z');
}

/** A count with its noun. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

/** What is there of these parts. */
export function joined(parts: readonly (string | null | undefined | false)[], between = ', '): string {
  return parts.filter((part) => part).join(between);
}
