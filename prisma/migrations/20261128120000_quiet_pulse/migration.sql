-- Pulses know whose beats the log never hears of, so that a beat need not look at its session.

ALTER TABLE "pulses" ADD COLUMN     "quiet" BOOLEAN NOT NULL DEFAULT false;

-- An ended session takes no beat.
UPDATE "pulses" p SET "quiet" = true FROM "sessions" s
  WHERE s."project_id" = p."project_id" AND s."id" = p."session_id" AND s."kind" <> 'SUPERVISOR' AND s."ended_at" IS NULL;
