import { decodeId } from '../../src/domain/id.js';
import { sweep } from '../../src/store/watchdog.js';
import { query } from '../support/sql.js';
import type { Api } from './capability.js';

/** Lets the session have been silent for so much longer, the watchdog listening all the while; then the watchdog looks. */
export async function fallSilent({ graphql: { store, url } }: Api, sessionId: string, seconds: number): Promise<void> {
  const { uuid } = decodeId(sessionId)!;
  const ago = `interval '${seconds} seconds'`;
  // As a replica: no trigger lets a pulse move back.
  await query(
    url,
    `SET session_replication_role = replica;
    INSERT INTO watchdog (id, ticked_at, hearing_since) VALUES (1, now(), now() - interval '1 day')
      ON CONFLICT (id) DO UPDATE SET ticked_at = now(), hearing_since = excluded.hearing_since;
    UPDATE sessions SET stalled_since = stalled_since - ${ago} WHERE id = '${uuid}';
    UPDATE pulses SET last_activity_at = last_activity_at - ${ago} WHERE session_id = '${uuid}'`,
  );
  await sweep(store, { intervalMs: 30_000 });
}
