-- A statement is planned once for all projects. Of many small ones beside a large one the average has next to nothing of a table: to
-- read all of it seems cheaper than a few look-ups by key, and of the large one it is everything. So all are planned for the largest.
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
    EXECUTE format('ALTER TABLE %I ALTER COLUMN "project_id" SET (n_distinct = 1)', name);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
    IF is_filled THEN
      EXECUTE format('ANALYZE %I', name);
    END IF;
  END LOOP;
END $$;
