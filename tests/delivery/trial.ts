// The whole of it: writers and subscribers at work, faults among them, and in the end everything held against what is written.
import { setTimeout as delay } from 'node:timers/promises';
import { now } from '../support/commit.js';
import { openRelay, type Relay } from '../support/relay.js';
import type { Options } from './argument.js';
import { checkBeats, checkClaims, checkLog, checkReception, type Check } from './checker.js';
import { clientFaults } from './clientFault.js';
import type { Deployment } from './deployment.js';
import { strike, strikeInTurn, type StrikeOptions, type Struck } from './fault.js';
import { feedsOf } from './feed.js';
import { Ledger } from './ledger.js';
import type { Random } from './random.js';
import { Subscriber } from './subscriber.js';
import {
  followBeats,
  followSignals,
  watchRun,
  watchSession,
  type BeatWitness,
  type Place,
  type SignalWitness,
  type Witness,
} from './witness.js';
import { Writer } from './writer.js';
import type { Written } from './written.js';

/** Without faults, so that there is something to compare with. */
const QUIET_MS = 4_000;
/** How long subscribers may take to reach the end of the log once all faults are over. */
const SETTLE_MS = 60_000;
/** Of each kind that is not told of a position. */
const WITNESSES = 3;
/** Only a trial that takes so long has the long fault. */
const LONG_TRIAL_S = 180;
const PROGRESS_MS = 5_000;

export interface TrialOptions extends Options {
  readonly deployment: Deployment;
  readonly headers: Record<string, string>;
  /** Where the log ends before the trial. */
  readonly from: number;
  readonly random: Random;
  readonly tell: (line: string) => void;
}

export interface Result {
  readonly checks: readonly Check[];
  readonly written: Written;
  readonly ledger: Ledger;
  readonly history: readonly Struck[];
  readonly subscribers: readonly Subscriber[];
  /** In ms, as `now` counts them. */
  readonly begunAt: number;
  /** How often clients' connections were made anew. */
  readonly reconnects: number;
}

export async function runTrial(options: TrialOptions): Promise<Result> {
  const { deployment, headers, from, random, tell, seconds } = options;
  const begunAt = now();
  const ledger = new Ledger();
  const history: Struck[] = [];
  const failures: string[] = [];
  const [over, lastCall] = [new AbortController(), new AbortController()];
  const ways: Relay[] = [];

  /** A line of a client's own, each connection to another server than the one before. */
  async function openWay(): Promise<Relay> {
    let turn = ways.length;
    const route = (): string => {
      const urls = deployment.urls();
      return urls[turn++ % urls.length] ?? '';
    };
    const way = await openRelay(deployment.urls()[0] ?? '', { route });
    ways.push(way);
    return way;
  }

  const prefix = `d${Date.now().toString(36)}${random.integer(0, 1295).toString(36)}`;
  const conversations = Array.from({ length: Math.ceil(options.writers / 2) }, (_, index) => `${prefix}-c${index}`);
  const addressees: string[] = [];
  let runId = '';
  const writers: { writer: Writer; way: Relay; sessionId: string }[] = [];
  for (let number = 1; number <= options.writers; number++) {
    const way = await openWay();
    const name = `${prefix}-w${number}`;
    const clock = (): number => now() - begunAt;
    const writer = new Writer({
      ...{ name, way, headers, ledger, clock, conversations, addressees },
      runId: () => runId,
      random: random.fork(),
      lastCall: lastCall.signal,
    });
    writers.push({ writer, way, sessionId: await writer.begin() });
  }

  addressees.push(...writers.slice(0, WITNESSES).map(({ sessionId }) => sessionId));
  const [first] = writers;
  if (!first) throw new Error('nobody writes');
  runId = await first.writer.errands.beginRun();

  const pool = new Map<string, string>();
  const intern = (text: string): string => {
    const known = pool.get(text);
    if (known !== undefined) return known;
    pool.set(text, text);
    return text;
  };
  const feeds = feedsOf(first.sessionId);
  const subscribers: Subscriber[] = [];
  async function subscribe(number: number, begin: 'from the start' | 'from the middle'): Promise<void> {
    const feed = feeds[number % feeds.length];
    if (!feed) return;
    const known = Math.max(from, ...subscribers.map(({ cursor }) => cursor));
    const cursor = begin === 'from the start' ? from : random.integer(from, known);
    const name = `${number + 1} (${feed.name}, after ${cursor})`;
    subscribers.push(new Subscriber({ name, feed, from: cursor, way: await openWay(), headers, intern }));
  }
  // A third is there from the start, a third comes later and reads all of it, a third comes later and begins in the middle.
  const early = Math.ceil(options.subscribers / 3);
  for (let number = 0; number < early; number++) await subscribe(number, 'from the start');
  const place = async (): Promise<Place> => ({ way: await openWay(), headers });
  const [watchers, signalled, listeners] = [[] as Witness[], [] as Signalled[], [] as BeatWitness[]];
  for (const [index, { writer, sessionId }] of writers.slice(0, WITNESSES).entries()) {
    watchers.push(watchSession(await place(), sessionId));
    const witness = followSignals(await place(), sessionId, (id) => writer.errands.hear(id));
    signalled.push({ witness, writer, sessionId });
    listeners.push(followBeats(await place(), index + 1, ledger, history));
  }
  watchers.push(watchRun(await place(), runId));
  const witnesses = [...watchers, ...signalled.map(({ witness }) => witness), ...listeners];

  const working = writers.map(({ writer }) => writer.work(over.signal));
  const progress = setInterval(() => {
    const newest = Math.max(...subscribers.map(({ cursor }) => cursor)) - from;
    const received = subscribers.reduce((sum, subscriber) => sum + subscriber.received.length, 0);
    tell(`${newest} events, received ${received} times by ${subscribers.length} subscribers; ${history.length} faults`);
  }, PROGRESS_MS);

  try {
    await delay(QUIET_MS);
    const striker = {
      ...{ signal: over.signal, history, onStrike: ({ what }: Struck) => tell(`! ${what}`) },
      onFailure: (reason: string) => {
        failures.push(reason);
        tell(`!!! ${reason}`);
      },
    };
    const coming = comeLater();
    const clients = { subscribers, writers: writers.map(({ way }) => way) };
    const striking = [
      strikeInTurn(clientFaults(clients), { ...striker, random: random.fork(), pauseMs: [800, 2_500] }),
    ];
    if (deployment.faults.length > 0) {
      striking.push(strikeServers({ ...striker, random: random.fork(), pauseMs: [600, 2_500] }));
    }
    await delay(seconds * 1_000);
    over.abort();
    await Promise.all(striking);
    await coming;
    tell('the faults are over; all come to the end of the log');

    const reached = await settle();
    const own = await deployment.check();
    const written = await deployment.read(from);
    const head = written.log.at(-1)?.position ?? from;
    const late = await untilAll(() => subscribers.filter((it) => lastOf(it) < lastDue(it, written)));
    await Promise.all([...subscribers, ...witnesses].map((client) => client.close()));

    const checks: Check[] = [
      ...subscribers.flatMap(({ name, feed, received, from: start }) =>
        checkReception({
          name: `subscriber ${name}`,
          received: received.filter(({ position }) => position <= head),
          due: feed.due(written.log.filter(({ position }) => position > start)),
        }),
      ),
      ...witnesses.flatMap((witness) => witness.check(written)),
      ...checkLog(written.log, from, written.sessions),
      ...checkClaims(ledger.claims, written.traces),
      ...checkBeats(ledger.beats, written.sessions),
      ...own,
      { name: 'no answer is a fault of the service', breaches: ledger.faults },
      {
        name: 'no subscriber is refused',
        breaches: [
          ...subscribers.flatMap(({ name, refusals }) => refusals.map((refusal) => `subscriber ${name} ${refusal}`)),
          ...witnesses.flatMap(({ name, refusals }) => refusals.map((refusal) => `${name}: ${refusal}`)),
        ],
      },
      { name: 'everything recovers', breaches: failures },
      {
        name: 'all reach the end of the log',
        breaches: [...reached, ...late.map(({ name, cursor }) => `${name}: ${cursor}`)],
      },
    ];
    const reconnects = ways.reduce((sum, way) => sum + Math.max(0, way.opened() - 1), 0);
    return { checks, written, ledger, history, subscribers, begunAt, reconnects };
  } finally {
    clearInterval(progress);
    over.abort();
    lastCall.abort();
    await Promise.all([...subscribers, ...witnesses].map((client) => client.close()));
    await Promise.all(ways.map((way) => way[Symbol.asyncDispose]()));
  }

  /** The others come one by one, in the first two thirds of the time. */
  async function comeLater(): Promise<void> {
    const left = options.subscribers - early;
    for (let number = early; number < options.subscribers && !over.signal.aborted; number++) {
      await delay((seconds * 667) / left, undefined, { signal: over.signal }).catch(() => undefined);
      await subscribe(number, number < 2 * early ? 'from the start' : 'from the middle');
    }
  }

  /** Lets the writers answer for what they have begun, and write what ends every list; answers with who could not. */
  async function settle(): Promise<string[]> {
    const limit = setTimeout(() => lastCall.abort(), SETTLE_MS);
    await Promise.all(working);
    // Before their sessions end: then nobody wants anything of them any more.
    for (const { witness, writer, sessionId } of signalled) {
      witness.awaitLast(await writer.errands.signal(sessionId, true));
    }
    for (const listener of listeners) listener.awaitOneMore();
    const deaf = await untilAll(
      () => [...signalled.map(({ witness }) => witness), ...listeners].filter((it) => !it.isDone()),
      () => first?.writer.errands.beat(first.sessionId),
    );
    await Promise.all(writers.map(({ writer }) => writer.finish()));
    await first?.writer.errands.endRun(runId);
    clearTimeout(limit);
    const left = await untilAll(() => watchers.filter((it) => !it.isDone()));
    return [...deaf, ...left].map(({ name }) => `${name}: not told of the last`);
  }

  /** One thing after another dies; in a long trial, after a third of it, one of them for long and alone. */
  async function strikeServers(options: StrikeOptions): Promise<void> {
    const { longFault, faults } = deployment;
    if (longFault && seconds >= LONG_TRIAL_S) {
      const third = AbortSignal.timeout(Math.floor((seconds * 1_000) / 3));
      await strikeInTurn(faults, { ...options, signal: AbortSignal.any([over.signal, third]) });
      if (!over.signal.aborted) await strike(longFault, options);
    }
    await strikeInTurn(faults, options);
  }
}

const lastOf = ({ received }: Subscriber): number => received.at(-1)?.position ?? 0;

const lastDue = ({ feed, from }: Subscriber, { log }: Written): number =>
  feed.due(log.filter(({ position }) => position > from)).at(-1)?.position ?? 0;

interface Signalled {
  readonly witness: SignalWitness;
  readonly writer: Writer;
  readonly sessionId: string;
}

/** Waits until there is none left, for so long at most, doing something meanwhile; answers with those that are. */
async function untilAll<Client>(left: () => Client[], meanwhile?: () => Promise<void> | undefined): Promise<Client[]> {
  const until = performance.now() + SETTLE_MS;
  for (;;) {
    const waiting = left();
    if (waiting.length === 0 || performance.now() > until) return waiting;
    await meanwhile?.();
    await delay(100);
  }
}
