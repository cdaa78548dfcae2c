// Since when the service has been hearing. Silence says nothing of the time that nobody listened, so each look of the watchdog,
// on whatever server, leaves a tick; where ticks are missing the service was away.
import { Prisma } from '../database/client.js';
import type { Store } from './store.js';

/**
 * Without a tick anywhere for so many intervals the service was away and could not hear; for as many after its return it gives
 * no verdict by time: who lives has as long to be heard again, however impatient the policy.
 */
const OUTAGE_INTERVALS = 3;

export interface Hearing {
  /** When the service began to hear, after its last outage. */
  since: Date;
  /** Whether that is long enough ago for verdicts. */
  hasHeardEnough: boolean;
}

/** Ticks now and each interval until it is disposed of, so that nobody takes a sweep for an outage, however long it lasts. */
export async function keepTicking(store: Store, intervalMs: number): Promise<AsyncDisposable & { hearing(): Hearing }> {
  let hearing = await tick(store, intervalMs);
  let ticking = Promise.resolve();
  async function again(): Promise<void> {
    try {
      hearing = await tick(store, intervalMs);
    } catch (error) {
      store.log.warn({ err: error }, 'the watchdog could not note that it looks');
    }
  }
  const timer = setInterval(() => void (ticking = ticking.then(again)), intervalMs);
  return {
    hearing: () => hearing,
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      await ticking;
    },
  };
}

/** Notes that the watchdog looks. The first look of all ends no outage: nobody could have been heard before it. */
async function tick({ database }: Store, intervalMs: number): Promise<Hearing> {
  // As the columns hold it: a comparison must not turn on what they round.
  const outageAgo = Prisma.sql`(now() - make_interval(secs => ${(OUTAGE_INTERVALS * intervalMs) / 1000}))::timestamptz(3)`;
  const [hearing] = await database.writer.$queryRaw<Hearing[]>`
    INSERT INTO watchdog AS w (id, hearing_since) VALUES (1, ${outageAgo})
    ON CONFLICT (id) DO UPDATE SET ticked_at = now(),
      hearing_since = CASE WHEN w.ticked_at < ${outageAgo} THEN now() ELSE w.hearing_since END
    RETURNING hearing_since AS "since", hearing_since <= ${outageAgo} AS "hasHeardEnough"`;
  if (!hearing) throw new Error('the tick of the watchdog answered with no row');
  return hearing;
}
