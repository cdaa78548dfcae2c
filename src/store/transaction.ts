// A transaction is a function that may run more than once: it reads, decides, changes rows by compare-and-set and records
// events, and only its last run is ever seen. Locks are taken in one order everywhere: conversation, session, run,
// project. After the commit, and only then, the bus hears how far the log has grown.
import type { Event, OpenTransaction, Prisma } from '../database/client.js';
import { decodeIdOf } from '../domain/id.js';
import { SessionEndedError } from '../domain/errors.js';
import {
  draft,
  readPosition,
  writeLog,
  writeRemembered,
  type Along,
  type NewEvent,
  type Remembered,
  type Subject,
} from './log.js';
import { retrying } from './retry.js';
import type { Caller, Store } from './store.js';

export class Transaction {
  readonly #events: Event[] = [];
  readonly #alive = new Set<string>();
  readonly #steps = new Map<string, () => Promise<void>>();
  #remembered: Remembered | null = null;
  #along: Along | null = null;

  constructor(
    readonly db: OpenTransaction,
    readonly caller: Caller,
    /** About now, by the database's clock: `Store.now`. Beginnings and ends of sessions, and events, have the exact time. */
    readonly now: Date,
  ) {}

  get projectId(): string {
    return this.caller.projectId;
  }

  /** The event as it will be read; its position, sequence and times are set when the transaction ends. */
  record(event: NewEvent): Event {
    const row = draft(this.projectId, event);
    this.#events.push(row);
    return row;
  }

  /** How many events of the session this transaction has recorded so far. */
  recordedOf(sessionId: string): number {
    return this.#events.filter((event) => event.sessionId === sessionId).length;
  }

  /** What this transaction records counts as a sign of life of the session. */
  showLife(sessionId: string): void {
    this.#alive.add(sessionId);
  }

  /** Keeps an answer under its idempotency key, in this transaction. */
  remember(answer: Remembered): void {
    this.#remembered = answer;
  }

  /**
   * Has so many rows changed by the statement that writes the events, of which there has to be one: documents of megabytes then
   * need no round trip of their own. The rows must be locked. Where the statement finds others, nothing at all is written.
   */
  changeAlong(statement: Prisma.Sql, rows: number): void {
    if (this.#along) throw new Error('one statement at most goes with the events');
    this.#along = { statement, rows };
  }

  /** Has a step run when all else is done and before the events are written: once, however often its name is given. */
  atLast(name: string, step: () => Promise<void>): void {
    this.#steps.set(name, step);
  }

  /** Writes what was collected, and commits. `grew`: whether the log is longer than before. */
  async finish(): Promise<{ position: bigint; grew: boolean }> {
    const { db, projectId } = this;
    for (const step of this.#steps.values()) await step();
    if (this.#events.length > 0) {
      const more = { remembered: this.#remembered, along: this.#along };
      return { position: await writeLog(db, projectId, this.#events, this.#alive, more), grew: true };
    }
    if (this.#along) throw new Error('what is changed with the events has none to go with');
    const position = this.#remembered
      ? await writeRemembered(db, projectId, this.#remembered)
      : await readPosition(db, projectId);
    return { position, grew: false };
  }
}

/**
 * Runs `work` in one transaction, again where others were in its way, and answers with what it returned and the log
 * position by which the change can be read (its own `position`, where it returns one).
 * @throws DomainError as `work` does, UnavailableError where the database cannot be reached or is too slow.
 */
export async function transact<T extends object>(
  store: Store,
  caller: Caller,
  work: (tx: Transaction) => Promise<T>,
  /** How long one run may take, and a statement of it, where that is more than a mutation may. */
  { timeoutMs }: { timeoutMs?: number } = {},
): Promise<{ position: bigint } & T> {
  try {
    const { result, position, grew } = await retrying(store, () =>
      store.database.writer.$transaction(
        async (db) => {
          if (timeoutMs !== undefined)
            await db.$queryRaw`SELECT set_config('statement_timeout', ${`${timeoutMs}`}, true)`;
          const tx = new Transaction(db, caller, store.now());
          const result = await work(tx);
          return { result, ...(await tx.finish()) };
        },
        { timeoutMs },
      ),
    );
    if (grew) store.bus.announce(caller.projectId, Number(position));
    return { position, ...result };
  } catch (error) {
    if (error instanceof SessionEndedError) await tellLateWrite(store, caller, error);
    throw error;
  }
}

/** Tells the log of a late write, where it can: whoever wrote is answered in any case that the session has ended. */
async function tellLateWrite(store: Store, caller: Caller, error: SessionEndedError): Promise<void> {
  try {
    await recordLateWrite(store, caller, error);
  } catch (failure) {
    store.log.error({ err: failure }, 'a late write could not be recorded');
  }
}

/** Records a write that came after the end: at most once per session and minute, with a count. */
async function recordLateWrite(store: Store, caller: Caller, error: SessionEndedError): Promise<void> {
  const sessionId = decodeIdOf('Session', String(error.extensions.sessionId));
  await transact(store, caller, async (tx) => {
    // One statement counts and decides: two late writers at once count as two and record one event.
    const [late] = await tx.db.$queryRaw<LateWrites[]>`
      UPDATE pulses p SET
        late_writes = CASE WHEN o.due THEN 0 ELSE o.count END,
        late_write_recorded_at = CASE WHEN o.due THEN now() ELSE p.late_write_recorded_at END
      FROM (
        SELECT late_writes + 1 AS count,
          coalesce(late_write_recorded_at < now() - interval '1 minute', true) AS due
        FROM pulses WHERE project_id = ${tx.projectId}::uuid AND session_id = ${sessionId}::uuid
        FOR NO KEY UPDATE
      ) o, sessions s
      WHERE p.project_id = ${tx.projectId}::uuid AND p.session_id = ${sessionId}::uuid
        AND s.project_id = p.project_id AND s.id = p.session_id
      RETURNING o.count, o.due, s.id, s.run_id AS "runId", s.conversation_id AS "conversationId"`;
    if (!late?.due) return {};
    const { count, due: _, ...session } = late;
    tx.record({ type: 'LATE_WRITE_REJECTED', level: 'WARN', session, data: { count, by: caller.name } });
    return {};
  });
}

interface LateWrites extends Subject {
  count: number;
  due: boolean;
}
