import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../support/commit.js';
import type { Relay } from '../support/relay.js';
import type { Random } from './random.js';

/** A way in which things die. */
export interface Fault {
  readonly name: string;
  /** Chooses whom and how, without doing it yet. */
  readonly aim: (random: Random) => Strike;
}

export interface Strike {
  /** Whom it hits and how, for the reader. */
  readonly what: string;
  /** The clients' lines that it concerns; all where absent. */
  readonly lines?: readonly Relay[];
  /** Does it, and resolves when it is made good again. */
  readonly pass: () => Promise<void>;
}

/** A fault that has been. */
export interface Struck {
  readonly name: string;
  readonly what: string;
  readonly lines: readonly Relay[] | null;
  readonly from: number;
  /** In ms, as `now` counts them; Infinity while it lasts. */
  until: number;
}

export interface StrikeOptions {
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Between the end of one and the beginning of the next, at least and at most. */
  readonly pauseMs: readonly [number, number];
  readonly history: Struck[];
  readonly onStrike: (struck: Struck) => void;
  readonly onFailure: (reason: string) => void;
}

/** Strikes once, and waits until it is made good again. */
export async function strike({ name, aim }: Fault, options: Omit<StrikeOptions, 'signal' | 'pauseMs'>): Promise<void> {
  const { random, history, onStrike, onFailure } = options;
  const { what, lines = null, pass } = aim(random);
  const struck: Struck = { name, what, lines, from: now(), until: Infinity };
  history.push(struck);
  onStrike(struck);
  await pass().catch((error: unknown) => onFailure(`${what}: ${String(error)}`));
  struck.until = now();
}

/** One fault after another until the signal: all of them in an order of chance, then all in another one. */
export async function strikeInTurn(faults: readonly Fault[], options: StrikeOptions): Promise<void> {
  const { random, signal, pauseMs } = options;
  for (;;) {
    for (const fault of random.shuffled(faults)) {
      await delay(random.integer(...pauseMs), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      await strike(fault, options);
    }
  }
}

/** Breaks the line off; whoever is on it comes back. */
export async function cut(lines: readonly Relay[]): Promise<void> {
  for (const line of lines) line.cut();
}

/** The line carries nothing for a while, and nobody is told; then it goes on, or breaks off. */
export async function freeze(lines: readonly Relay[], ms: number, goesOn: boolean): Promise<void> {
  for (const line of lines) {
    line.hold();
    line.stall();
  }
  await delay(ms);
  for (const line of lines) {
    if (!goesOn) line.cut();
    line.flow();
  }
}

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
