import { setImmediate } from 'node:timers/promises';
import type { Line, Parcel } from '../../src/bus/line.js';

/** A line of which a test holds both ends. */
export interface TestLine {
  readonly process: Line;
  readonly broker: Line;
  /** Until the function that it answers with is called, the process reads nothing. */
  pause(): () => void;
}

/** As the channel between two processes: in order, later, and copied. */
export function openLine(): TestLine {
  let reading = Promise.resolve();
  const toBroker = new Set<(parcel: Parcel) => void>();
  const toProcess = new Set<(parcel: Parcel) => void>();
  const end = (ears: typeof toBroker, others: typeof toBroker, isRead: () => Promise<void>): Line => ({
    async send(parcel) {
      const text = JSON.stringify(parcel);
      await setImmediate();
      await isRead();
      for (const hear of others) hear(JSON.parse(text) as Parcel);
    },
    onParcel(listener) {
      ears.add(listener);
      return () => void ears.delete(listener);
    },
  });
  return {
    process: end(toProcess, toBroker, () => Promise.resolve()),
    broker: end(toBroker, toProcess, () => reading),
    pause() {
      let resume = (): void => undefined;
      reading = new Promise((resolve) => (resume = resolve));
      return resume;
    },
  };
}
