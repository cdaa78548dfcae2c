-- A statement is planned once for all projects. Of many small ones beside a large one the average has next to nothing of a table: to
-- read all of it seems cheaper than a few look-ups by key, and of the large one it is everything. So all are planned for the largest.

ALTER TABLE "conversations" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "runs" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "sessions" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "pulses" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "events" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "idempotency_keys" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "checkpoints" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "commands" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "saved_states" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "handoffs" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "approvals" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "signals" ALTER COLUMN "project_id" SET (n_distinct = 1);
ALTER TABLE "api_keys" ALTER COLUMN "project_id" SET (n_distinct = 1);

-- That has an effect from the next ANALYZE on. A table in which there is nothing is left as one of which nothing is known: as an
-- empty one it would be planned to be read as a whole, until somebody looks again.
DO $$
DECLARE
  name TEXT;
  is_filled BOOLEAN;
BEGIN
  FOREACH name IN ARRAY ARRAY['conversations', 'runs', 'sessions', 'pulses', 'events', 'idempotency_keys', 'checkpoints', 'commands',
    'saved_states', 'handoffs', 'approvals', 'signals', 'api_keys']
  LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
    IF is_filled THEN
      EXECUTE format('ANALYZE %I', name);
    END IF;
  END LOOP;
END $$;
