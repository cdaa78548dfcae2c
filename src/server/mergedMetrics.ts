import { AggregatorRegistry } from 'prom-client';
import type { Snapshot } from './metrics.js';

interface Source {
  /** null where it does not answer. */
  measure(): Promise<Snapshot | null>;
}

/** The metrics of several processes in one text. Each value says of which it is, so that none is a sum, and a restart is seen. */
export async function mergedMetrics(sources: readonly Source[]): Promise<{ type: string; text: string }> {
  const snapshots = await Promise.all(sources.map((source) => source.measure()));
  const registry = AggregatorRegistry.aggregate(snapshots.flatMap((snapshot) => (snapshot ? [apart(snapshot)] : [])));
  return { type: registry.contentType, text: await registry.metrics() };
}

/** The sum over all with the same labels is the value of the only one; some would be left out, or stand for all. */
const apart = (snapshot: Snapshot) => snapshot.map((metric) => ({ ...metric, aggregator: 'sum' as const }));
