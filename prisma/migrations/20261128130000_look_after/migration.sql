-- Pulses know after what silence the watchdog has to look at their session, so that it need not look at all of them.

ALTER TABLE "pulses" ADD COLUMN     "look_after_seconds" INTEGER DEFAULT 0;

UPDATE "pulses" p SET "look_after_seconds" = CASE WHEN s."state" IN ('BOOTING', 'WORKING', 'STALLED')
    THEN least(s."stall_after_seconds", s."zombie_after_seconds") END
  FROM "sessions" s WHERE s."project_id" = p."project_id" AND s."id" = p."session_id";

-- The few that live among the many that have ended. Neither a beat nor a verdict but the last one changes what this index
-- knows of, so that their updates stay on the page (HOT).
CREATE INDEX "pulses_look_after" ON "pulses" ("project_id", "session_id") WHERE "look_after_seconds" IS NOT NULL;
