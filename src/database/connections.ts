// Two, so that one project with much to read does not hold up another.
export const TAIL_CONNECTIONS = 2;
export const OWN_QUESTIONS = 1;

/** How many connections the processes of a server open at most. */
export function connectionsOf({ poolSize, workers }: { poolSize: number; workers: number }): number {
  return workers * (2 * poolSize + TAIL_CONNECTIONS + OWN_QUESTIONS);
}
