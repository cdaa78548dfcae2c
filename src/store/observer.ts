/** Hears what happens, to count it; must not throw. */
export interface Observer {
  /** A transaction runs again. */
  retried(): void;
  /** One statement takes so many heartbeats. */
  beaten(count: number): void;
  /** The watchdog of this process has changed so many sessions. */
  judged(verdicts: number): void;
  /** A chore has run for so long. */
  done(chore: string, seconds: number, ok: boolean): void;
}
