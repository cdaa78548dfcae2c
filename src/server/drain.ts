import type { Plugin } from 'graphql-yoga';

/** The queries and mutations that are being carried out, by whatever transport they came. */
export interface Drain {
  readonly plugin: Plugin;
  /** Resolves once there are none. */
  empty(): Promise<void>;
}

export function drain(): Drain {
  const running = new Set<Promise<unknown>>();
  return {
    plugin: {
      onExecute({ executeFn, setExecuteFn }) {
        setExecuteFn((args) => {
          const answer = Promise.resolve(executeFn(args));
          const end = (): void => void running.delete(answer);
          running.add(answer);
          answer.then(end, end);
          return answer;
        });
      },
    },
    async empty() {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
