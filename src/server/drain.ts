import type { Layer } from './layer.js';

/** The queries and mutations that are being carried out, by whatever transport they came. */
export interface Drain {
  readonly layer: Layer;
  /** Resolves once there are none. */
  empty(): Promise<void>;
}

export function drain(): Drain {
  let running = 0;
  const tell: (() => void)[] = [];
  return {
    layer: {
      execute: (execute) => async (args) => {
        running += 1;
        try {
          return await execute(args);
        } finally {
          running -= 1;
          if (running === 0) for (const each of tell.splice(0)) each();
        }
      },
    },
    async empty() {
      while (running > 0) await new Promise<void>((resolve) => tell.push(resolve));
    },
  };
}
