import { heartbeat } from '../../src/store/heartbeat.js';
import type { StartSessionInput } from '../../src/store/session.js';
import type { Caller, Session, Store } from '../../src/store/store.js';
import { sweep, type Sweep } from '../../src/store/watchdog.js';
import { openStore, type TestStore } from './store.js';

export const INTERVAL_MS = 30_000;

/** A store whose watchdog is called by hand, and whose past can be made longer. */
export interface TestWatch extends TestStore {
  /** One look of the watchdog, by default of this store's. */
  look: (at?: Store) => Promise<Sweep | null>;
  /** A new session that has shown a first sign of life. */
  working: (caller: Caller, input?: Partial<StartSessionInput>) => Promise<Session>;
  beat: (caller: Caller, session: Session, more?: object) => ReturnType<typeof heartbeat>;
  /** Runs statements that the triggers would refuse: what is past cannot be made otherwise. */
  rewrite: (...statements: string[]) => Promise<void>;
  /** As if all that a session has shown, and its state, were so many seconds older. */
  age: (session: Session, seconds: number) => Promise<void>;
  /** As if no server had looked for so many seconds since the last look. */
  pass: (seconds: number) => Promise<void>;
  /** As if the service had been listening for a day. */
  listenForADay: () => Promise<void>;
}

export async function openWatch(): Promise<TestWatch> {
  const opened = await openStore({ poolSize: 12 });
  const { store, start } = opened;
  const { prisma } = opened.database;
  const older = (column: string, seconds: number) => `${column} = ${column} - interval '${seconds} seconds'`;

  const beat: TestWatch['beat'] = (caller, { id }, more) => heartbeat(store, caller, { sessionId: id, ...more });
  const rewrite: TestWatch['rewrite'] = async (...statements) => {
    await prisma.$transaction([
      prisma.$executeRawUnsafe(`SET LOCAL session_replication_role = 'replica'`),
      ...statements.map((statement) => prisma.$executeRawUnsafe(statement)),
    ]);
  };

  return {
    ...opened,
    look: (at = store) => sweep(at, { intervalMs: INTERVAL_MS }),
    async working(caller, input) {
      const session = await start(caller, input);
      await beat(caller, session);
      return session;
    },
    beat,
    rewrite,
    age: ({ id }, seconds) =>
      rewrite(
        `UPDATE pulses SET ${older('last_activity_at', seconds)}, ${older('last_heartbeat_at', seconds)}
         WHERE session_id = '${id}'`,
        `UPDATE sessions SET ${older('stalled_since', seconds)} WHERE id = '${id}'`,
        `UPDATE approvals SET ${older('resolved_at', seconds)}, ${older('created_at', seconds)}
         WHERE session_id = '${id}'`,
      ),
    pass: (seconds) =>
      rewrite(`UPDATE watchdog SET ${older('ticked_at', seconds)}, ${older('hearing_since', seconds)}`),
    async listenForADay() {
      await prisma.$executeRaw`
        INSERT INTO watchdog (id, ticked_at, hearing_since) VALUES (1, now(), now() - interval '1 day')
        ON CONFLICT (id) DO UPDATE SET ticked_at = now(), hearing_since = now() - interval '1 day'`;
    },
    [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
  };
}
