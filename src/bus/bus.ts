// Who is told. A hint says «the log of this project has grown to this position» and nothing else: what happened is read
// from the database. That is why a hint may be lost, repeated or overtaken by another, and no event ever is.

/** The newest position that is known of, or null: «hints may have been lost, read again». */
export type Hint = number | null;

export interface Bus {
  /**
   * Tells every listener of the project, in all processes on this bus, that its log has grown to `position`. To be called
   * after the commit. Never throws and never waits; many announcements at once reach the listeners as the newest one.
   */
  announce(projectId: string, position: number): void;

  /**
   * Resolves once what is announced from now on will be heard, or, while the bus is degraded, as soon as it is certain that
   * this has to wait: then `onHint(null)` follows when the bus is whole again. Never rejects. `onHint` must not throw. The
   * function that it resolves to ends it: no call of `onHint` comes after.
   */
  listen(projectId: string, onHint: (hint: Hint) => void): Promise<() => void>;

  /** `degraded`: hints are being lost, and listeners have only their own polling. */
  status(): 'ok' | 'degraded';

  /** Ends all listening and gives back every connection. What is announced afterwards is ignored. Never rejects. */
  close(): Promise<void>;
}

/** The channel of a project's hints: the one place where channels get their names. */
export const topicOf = (projectId: string): string => `lifeline:log:${projectId}`;

/** The project of a channel that `topicOf` named. */
export const projectOf = (topic: string): string => topic.slice(topicOf('').length);
