import { fork, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Broker } from './bus/broker.js';
import type { Running } from './database/keeper.js';
import { lineOver, send, type Order, type Report } from './link.js';
import type { Snapshot } from './server/metrics.js';

const PROGRAM = fileURLToPath(new URL('worker.js', import.meta.url));

/** How long a worker may take to end by itself: less than the process that waits for it may. */
const STOP_MS = 4_000;
const MEASURE_MS = 2_000;

type Listener = (report: Report) => void;

/** A worker, as the primary sees it. */
export class WorkerProcess implements Running {
  /** Resolves with how it ended. */
  readonly ended: Promise<string>;
  /** Resolves once nothing more comes from it: what it said last may arrive after its end. */
  readonly #silent: Promise<null>;
  readonly #child: ChildProcess;
  readonly #listeners = new Set<Listener>();
  #requests = 0;

  /** `broker`: of the bus between the workers; null where they have another. */
  constructor(broker: Broker | null) {
    // As the primary runs; but a debugger's port is the primary's, and Node would not start where that is taken.
    const execArgv = [...process.execArgv, '--inspect-port=0', '--enable-source-maps'];
    this.#child = fork(PROGRAM, [], { execArgv });
    this.#child.on('message', (report: Report) => {
      for (const listener of this.#listeners) listener(report);
    });
    this.ended = new Promise((resolve) => {
      this.#child.once('error', (error) => resolve(error.message));
      this.#child.once('exit', (code, signal) => resolve(signal ?? `exit code ${code}`));
    });
    this.#silent = new Promise((resolve) => {
      this.#child.once('error', () => resolve(null));
      // Not at 'disconnect', which does not come where it ends with a connection on its way to it.
      this.#child.once('close', () => resolve(null));
    });
    // Before anything that it says, so that nothing of it is missed.
    const leave = broker?.join(lineOver(this.#child, (listener) => this.#listen(listener)));
    void this.ended.then(() => leave?.());
  }

  /** Resolves when it can take connections; rejects, once it has ended, with why it cannot. */
  async serve(order: Order & { readonly kind: 'serve' }): Promise<void> {
    const told = this.#next(
      (report) => (report.kind === 'ready' || report.kind === 'failed' ? report : null),
      this.#silent,
    );
    this.#order(order);
    const outcome = await told;
    if (outcome?.kind === 'ready') return;
    const how = await this.ended;
    throw new Error(outcome?.reason ?? `Worker ${order.number} ended before it was ready (${how}).`);
  }

  /** Resolves when the connection is the worker's; rejects where it has ended before. */
  async take(socket: Socket): Promise<void> {
    const told = this.#next((report) => report.kind === 'taken' || null, this.#silent);
    this.#order({ kind: 'take' }, socket);
    if (!(await told)) throw new Error('The worker has ended.');
  }

  /** What it has counted; null where it does not answer in time. */
  measure(): Promise<Snapshot | null> {
    const request = (this.#requests += 1);
    const told = this.#next(
      (report) => (report.kind === 'measured' && report.request === request ? report.snapshot : null),
      delay(MEASURE_MS, null, { ref: false }),
    );
    this.#order({ kind: 'measure', request });
    return told;
  }

  /** Resolves when it has ended: in order, or at once where that takes too long. */
  async stop(): Promise<void> {
    this.#order({ kind: 'close' });
    await Promise.race([this.ended, delay(STOP_MS, null, { ref: false })]);
    this.kill();
    await this.ended;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** One that has ended takes none, which is told by what comes from it: whether an order was sent may never be. */
  #order(order: Order, socket?: Socket): void {
    send(this.#child, order, socket).catch(() => undefined);
  }

  #listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** What is found first in a report that comes from now on; where `until` resolves before, what that resolves with. */
  #next<Found, Other>(find: (report: Report) => Found | null, until: Promise<Other>): Promise<Found | Other> {
    let leave = (): void => undefined;
    const found = new Promise<Found>((resolve) => {
      leave = this.#listen((report) => {
        const it = find(report);
        if (it !== null) resolve(it);
      });
    });
    return Promise.race([found, until]).finally(leave);
  }
}
