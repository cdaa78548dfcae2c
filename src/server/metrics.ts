// What a server counts and measures, for Prometheus. No label takes a value that callers choose: neither names of operations
// nor ids, of which there is no end.
import { getOperationAST, GraphQLError, type ExecutionResult } from 'graphql';
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  Registry,
  type MetricObjectWithValues,
  type MetricValue,
} from 'prom-client';
import type { Observer } from '../store/store.js';
import type { Layer } from './layer.js';
import { Subscription } from './subscription.js';

/** What is looked up when somebody asks, and costs nothing until then. */
export interface Gauges {
  /** Connections by pool and state. */
  readonly pools: () => Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly sockets: () => number;
  /** Operations inside and before the gates, by kind and state. */
  readonly gates: () => Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly subscribers: () => number;
  /** Null where the database is out of reach. */
  readonly log: () => Promise<{ logPosition: number; tailLag: number; watchdogSeconds: number | null } | null>;
}

export interface Metrics {
  /** Counts operations by whatever transport they come; to be the last of the layers but for traces. */
  readonly layer: Layer;
  readonly observer: Observer;
  /** Counts what was refused before it came to an operation. */
  refused(error: Coded): void;
  /** Has these shown too. */
  watch(gauges: Gauges): void;
  /** The text that Prometheus reads, and its content type. */
  read(): Promise<{ type: string; text: string }>;
  /** The same for another process, which makes the text. */
  snapshot(): Promise<Snapshot>;
}

/** What a process counts and measures, as JSON can carry it. */
export type Snapshot = readonly MetricObjectWithValues<MetricValue<string>>[];

type Coded = Pick<GraphQLError, 'extensions'>;

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCHES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** `worker`: which of a server's processes this is, as each of its values says; null where there is only this one. */
export function createMetrics(worker: number | null = null): Metrics {
  const registry = new Registry();
  if (worker !== null) registry.setDefaultLabels({ worker: String(worker) });
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const operations = new Histogram({
    name: 'lifeline_operation_duration_seconds',
    help: 'Executed operations; of subscriptions, their beginnings.',
    labelNames: ['operation', 'outcome'] as const,
    buckets: SECONDS,
    registers,
  });
  const errors = new Counter({
    name: 'lifeline_errors_total',
    help: 'Errors that callers were told of.',
    labelNames: ['code'] as const,
    registers,
  });
  const retries = new Counter({
    name: 'lifeline_transaction_retries_total',
    help: 'Transactions that ran again because others were in their way.',
    registers,
  });
  const beats = new Histogram({
    name: 'lifeline_heartbeat_batch_size',
    help: 'Heartbeats that one statement took.',
    buckets: BATCHES,
    registers,
  });
  const chores = new Histogram({
    name: 'lifeline_chore_duration_seconds',
    help: 'Runs of what happens unasked: watchdog, expiry, retention.',
    labelNames: ['chore', 'outcome'] as const,
    buckets: SECONDS,
    registers,
  });
  const verdicts = new Counter({
    name: 'lifeline_watchdog_verdicts_total',
    help: 'Changes that the watchdog of this server has made.',
    registers,
  });

  const count = (found: readonly Coded[] | undefined): void => {
    for (const { extensions } of found ?? []) errors.inc({ code: String(extensions.code) });
  };
  const time = (operation: string) => {
    const end = operations.startTimer({ operation });
    return ({ errors: found }: ExecutionResult): void => {
      end({ outcome: found ? 'error' : 'ok' });
      count(found);
    };
  };

  return {
    layer: {
      parse: (parse) => (text, asked) => {
        try {
          return parse(text, asked);
        } catch (error) {
          if (error instanceof GraphQLError) count([error]);
          throw error;
        }
      },
      validate: (validate) => (document, asked) => {
        const found = validate(document, asked);
        count(found);
        return found;
      },
      execute: (execute) => async (args) => {
        const ended = time(getOperationAST(args.document, args.operationName)?.operation ?? 'query');
        const result = await execute(args);
        ended(result);
        return result;
      },
      subscribe: (subscribe) => async (args) => {
        const begun = time('subscription');
        const result = await subscribe(args);
        begun(result instanceof Subscription ? {} : result);
        return result;
      },
    },
    refused: (error) => count([error]),
    observer: {
      retried: () => retries.inc(),
      beaten: (size) => beats.observe(size),
      judged: (count) => verdicts.inc(count),
      done: (chore, seconds, ok) => chores.observe({ chore, outcome: ok ? 'ok' : 'error' }, seconds),
    },
    watch: (gauges) => show(gauges, registers),
    read: async () => ({ type: registry.contentType, text: await registry.metrics() }),
    snapshot: () => registry.getMetricsAsJSON(),
  };
}

/** Each value is asked for when it is read. */
function show({ pools, sockets, gates, subscribers, log }: Gauges, registers: Registry[]): void {
  const plain = (name: string, help: string, value: () => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(value());
      },
    });
  };
  const table = (name: string, help: string, row: string, rows: Gauges['pools']): void => {
    new Gauge({
      name,
      help,
      labelNames: [row, 'state'],
      registers,
      collect() {
        for (const [key, states] of Object.entries(rows())) {
          for (const [state, value] of Object.entries(states)) this.set({ [row]: key, state }, value);
        }
      },
    });
  };
  plain('lifeline_sockets', 'Open WebSockets.', sockets);
  plain('lifeline_subscribers', 'Subscriptions that follow a log.', subscribers);
  table('lifeline_pool_connections', 'Database connections, and who waits for one.', 'pool', pools);
  table('lifeline_gate_operations', 'Operations under way, and those that wait for their turn.', 'operation', gates);
  const lag = new Gauge({
    name: 'lifeline_tail_lag_events',
    help: 'How far the readers are behind the log.',
    registers,
  });
  const sinceTick = new Gauge({
    name: 'lifeline_watchdog_tick_age_seconds',
    help: 'Since the watchdog last looked, on whatever server.',
    registers,
  });
  new Gauge({
    name: 'lifeline_log_position',
    help: 'Events ever recorded, of all projects. Absent while the database is out of reach.',
    registers,
    async collect() {
      this.reset();
      const now = await log();
      if (now === null) return;
      this.set(now.logPosition);
      lag.set(now.tailLag);
      if (now.watchdogSeconds !== null) sinceTick.set(now.watchdogSeconds);
    },
  });
}
