import type { Relay } from '../support/relay.js';
import type { Struck } from './fault.js';
import type { Received } from './subscriber.js';

/** What a fault leaves behind when it is over: connections that come back, a queue that empties. */
const AFTERMATH_MS = 2_000;

export interface Receiver {
  readonly received: readonly Received[];
  readonly startedAt: number;
  readonly way: Relay;
}

export interface Latencies {
  readonly all: number[];
  /** Of those that no fault was near. */
  readonly quiet: number[];
}

/** How long each entry was on its way to each receiver, in ms; those of before its time, which it read later, left out. */
export function latencies(
  receivers: readonly Receiver[],
  begins: ReadonlyMap<number, number>,
  history: readonly Struck[],
): Latencies {
  const all: number[] = [];
  const quiet: number[] = [];
  for (const { received, startedAt, way } of receivers) {
    const faults = history
      .filter(({ lines }) => lines === null || lines.includes(way))
      .sort((one, other) => one.from - other.from);
    let next = 0;
    for (const { position, at } of received) {
      const begin = begins.get(position);
      if (begin === undefined || begin < startedAt) continue;
      all.push(at - begin);
      while ((faults[next]?.until ?? Infinity) + AFTERMATH_MS < begin) next += 1;
      if ((faults[next]?.from ?? Infinity) > at) quiet.push(at - begin);
    }
  }
  return { all, quiet };
}
