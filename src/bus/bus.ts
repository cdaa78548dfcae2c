// Who is told, of two kinds of things. A hint says «the log of this project has grown to this position» and nothing else: what happened is read
// from the database. That is why a hint may be lost, repeated or overtaken by another, and no event ever is. A beat is told whole, and may be lost.

/** The newest position that is known of, or null: «hints may have been lost, read again». */
export type Hint = number | null;

/** What a session's heartbeat made of its pulse. It is told as it is, since it is worth nothing once there is a newer one. */
export interface Beat {
  readonly sessionId: string;
  /** When it was taken, by the database's clock, as ISO 8601 in UTC. */
  readonly at: string;
  readonly contextPercent: number | null;
  readonly currentEpic: string | null;
  readonly activity: string | null;
}

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

  /**
   * Hands the project's beats to every listener, in all processes on this bus. Of one session the newest wins: that of
   * several at once, and while the bus is busy, is all that is kept. Never throws and never waits. A bus that is degraded
   * hands them to the listeners of this process alone: to all others they are lost for good.
   */
  tellBeats(projectId: string, beats: readonly Beat[]): void;

  /** As `listen`, for beats; when the bus is whole again, what other processes took meanwhile is not told. */
  listenBeats(projectId: string, onBeats: (beats: readonly Beat[]) => void): Promise<() => void>;

  /** `degraded`: hints are being lost, and listeners have only their own polling. */
  status(): 'ok' | 'degraded';

  /** Ends all listening and gives back every connection. What is announced afterwards is ignored. Never rejects. */
  close(): Promise<void>;
}

/** The channel of a project's hints: here, and nowhere else, channels get their names. */
export const topicOf = (projectId: string): string => `lifeline:log:${projectId}`;
/** The channel of a project's beats. */
export const beatTopicOf = (projectId: string): string => `lifeline:beat:${projectId}`;
