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

-- It is noted when PostgreSQL looks at a table.
ANALYZE "conversations", "runs", "sessions", "pulses", "events", "idempotency_keys", "checkpoints", "commands", "saved_states",
  "handoffs", "approvals", "signals", "api_keys";
