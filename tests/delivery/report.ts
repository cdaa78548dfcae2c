import { PERCENTILES, percentiles } from '../support/percentile.js';
import type { Check } from './checker.js';
import type { Struck } from './fault.js';
import type { Latencies } from './latency.js';
import type { Result } from './trial.js';

const SILENCES = /^SESSION_(STALLED|ESCALATED|ZOMBIE|RECOVERED|REVIVED)$/;
const MOST_BREACHES = 5;
/** How near a fault has to be to a breach to be told with it, and how many are told. */
const NEAR_MS = 4_000;
const MOST_NEAR = 3;

export interface ReportOptions {
  readonly latencies: Latencies;
  /** What the latencies are counted from. */
  readonly since: string;
  /** When what stands at a position came about, in ms. */
  readonly begins: ReadonlyMap<number, number>;
}

/** The figures of a trial and, where a promise was broken, how, as lines. */
export function report(result: Result, { latencies, since, begins }: ReportOptions): string[] {
  const { checks, written, ledger, history, subscribers, reconnects } = result;
  const { acknowledged, retried, refused, unknown } = ledger.calls;
  const count = (what: string): number =>
    checks.filter(({ name }) => name.endsWith(what)).reduce((sum, { breaches }) => sum + breaches.length, 0);
  const received = subscribers.reduce((sum, subscriber) => sum + subscriber.received.length, 0);
  const told = (types: RegExp): number => written.log.filter(({ type }) => types.test(type)).length;
  const rows: [string, string][] = [
    ['writes', `${acknowledged} acknowledged, ${retried} of all repeated, ${refused} refused, ${unknown} unknown`],
    ['events', `${written.log.length} written, ${received} received by ${subscribers.length} subscribers`],
    ['  of approvals', `${told(/^APPROVAL_/)}`],
    ['  of signals', `${told(/^SIGNAL_/)}`],
    ['  of silences', `${told(SILENCES)}`],
    ['reconnects', `${reconnects}`],
    ['faults', `${history.length}`],
    ...kindsOf(history).map(([name, times]): [string, string] => [`  ${name}`, `${times}`]),
    ['lost', `${count('nothing is lost')}`],
    ['repeated', `${count('nothing is repeated')}`],
    ['out of order', `${count('nothing is out of order')}`],
    [`${since} → received`, `${spread(latencies.all)}  (all)`],
    ['', `${spread(latencies.quiet)}  (no fault near)`],
  ];
  const table = rows.map(([what, value]) => `${what.padEnd(34)}${value}`);
  return [...table, '', ...checks.flatMap((check) => breachesOf(check, history, begins))];
}

function kindsOf(history: readonly Struck[]): [string, number][] {
  const times = new Map<string, number>();
  for (const { name } of history) times.set(name, (times.get(name) ?? 0) + 1);
  return [...times].sort(([one], [other]) => one.localeCompare(other));
}

function spread(values: readonly number[]): string {
  const columns = percentiles(values).map((ms, index) => `p${PERCENTILES[index]} ${ms.toFixed(1)} ms`);
  return `${columns.join('  ')}  of ${values.length}`;
}

/** What breaks a promise, with the faults that were near. */
function breachesOf(
  { name, breaches }: Check,
  history: readonly Struck[],
  begins: ReadonlyMap<number, number>,
): string[] {
  if (breaches.length === 0) return [];
  const lines = breaches.slice(0, MOST_BREACHES).map((breach) => {
    const at = begins.get(Number(/\bposition (\d+)/.exec(breach)?.[1])) ?? NaN;
    const near = history
      .filter(({ from, until }) => from - NEAR_MS < at && at < until + NEAR_MS)
      .sort((one, other) => Math.abs(one.from - at) - Math.abs(other.from - at))
      .slice(0, MOST_NEAR);
    return `  ${breach}${near.length > 0 ? `\n    near: ${near.map(({ what }) => what).join('; ')}` : ''}`;
  });
  const left = breaches.length - lines.length;
  return [`BROKEN: ${name} (${breaches.length})`, ...lines, ...(left > 0 ? [`  and ${left} more`] : [])];
}
