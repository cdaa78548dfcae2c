// A look of the watchdog at very many live sessions, beside the bare question which of them are silent. It has a database of
// its own, in which no server looks.
import { sweep } from '../src/store/watchdog.js';
import { query } from '../tests/support/sql.js';
import { addAgents } from './agent.js';
import type { Case } from './case.js';
import { createDatabase, type Place } from './place.js';
import { duration, openBoth } from './store.js';

const STALL_AFTER_SECONDS = 300;
const SILENT = 0.01;
const INTERVAL_MS = 30_000;

const SUSPECTS = {
  name: 'suspects',
  text: `
    SELECT s.project_id, s.id FROM sessions s
    JOIN pulses p ON p.project_id = s.project_id AND p.session_id = s.id
    WHERE s.ended_at IS NULL AND s.state IN ('BOOTING', 'WORKING', 'STALLED') AND p.watched
      AND p.last_activity_at < now() - make_interval(secs =>
        CASE WHEN s.state = 'STALLED' THEN s.zombie_after_seconds
          ELSE least(s.stall_after_seconds, s.zombie_after_seconds) END)`,
};

const HEARING = `
  INSERT INTO watchdog (id, hearing_since) VALUES (1, now() - interval '1 day')
  ON CONFLICT (id) DO UPDATE SET ticked_at = now(), hearing_since = now() - interval '1 day'`;

// The silent ones as they were before the last verdict on them.
const UNJUDGED = `
  WITH judged AS (
    UPDATE sessions SET state = 'WORKING', stalled_since = NULL, escalation_level = NULL, evidence = NULL
    WHERE state = 'STALLED' RETURNING project_id, id
  )
  UPDATE pulses p SET steady = true FROM judged j WHERE p.project_id = j.project_id AND p.session_id = j.id`;

/** All but the silent ones are never due in the time that this takes. */
async function openWatched({ databaseUrl, sizes }: Place) {
  const name = `watchdog_${sizes.sessions}`;
  await query(databaseUrl, `DROP DATABASE IF EXISTS ${name}`);
  const url = await createDatabase(databaseUrl, name);
  const made = `INSERT INTO projects (id, slug, name) VALUES (uuidv7(), 'default', 'default') RETURNING id`;
  const [project] = await query(url, made);
  const projectId = String(project?.id);
  const silent = sizes.sessions * SILENT;
  await addAgents(url, { projectId, count: sizes.sessions - silent, stallAfterSeconds: 86_400 });
  await addAgents(url, {
    projectId,
    count: silent,
    stallAfterSeconds: STALL_AFTER_SECONDS,
    silentForSeconds: 2 * STALL_AFTER_SECONDS,
  });
  const both = await openBoth(url);
  return {
    ...both,
    silent,
    /** Has the silent ones still to be judged. */
    forget: async (): Promise<void> => {
      await query(url, UNJUDGED);
      await query(url, 'VACUUM (ANALYZE)');
    },
    hear: () => query(url, HEARING),
    close: async (): Promise<void> => {
      await both.close();
      await query(databaseUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** `due`: whether the silent ones are still to be judged when the watchdog looks, or have been. */
const tick = (due: boolean): Case => ({
  name: `watchdog tick, 1 % of all live sessions silent ${due ? 'since the last' : 'and judged before'}`,
  against: 'the suspects’ query alone, on bare pg',
  unit: 'ms',
  better: 'lower',
  mark: 2,
  async sides(place) {
    const { store, bare, silent, forget, hear, close } = await openWatched(place);
    const look = async (): Promise<void> => {
      const swept = await sweep(store, { intervalMs: INTERVAL_MS });
      const expected = due ? silent : 0;
      if (swept?.verdicts !== expected) throw new Error(`${swept?.verdicts} verdicts, not ${expected}`);
    };
    const prepare = async (): Promise<void> => {
      await forget();
      await hear();
    };
    if (!due) {
      await prepare();
      await sweep(store, { intervalMs: INTERVAL_MS });
    }
    return {
      async ours() {
        await (due ? prepare() : hear());
        return duration(look)();
      },
      async theirs() {
        if (due) await prepare();
        const took = await duration(() => bare.query(SUSPECTS))();
        if (due) await look();
        return took;
      },
      close,
    };
  },
});

export const watchdogCases: readonly Case[] = [tick(true), tick(false)];
