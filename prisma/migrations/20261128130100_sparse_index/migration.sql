-- Most sessions have no parent, no spawner or no conversation: where there is nothing to be found, an index need not be
-- written with each new version of the row. Whoever asks for a value is served as before.

DROP INDEX "sessions_project_id_conversation_id_ordinal_idx";
DROP INDEX "sessions_project_id_agent_name_ordinal_idx";
DROP INDEX "sessions_project_id_run_id_started_at_id_idx";
DROP INDEX "sessions_project_id_parent_id_ordinal_idx";
DROP INDEX "sessions_project_id_spawned_by_id_ordinal_idx";

CREATE INDEX "sessions_conversation" ON "sessions" ("project_id", "conversation_id", "ordinal")
  WHERE "conversation_id" IS NOT NULL;
CREATE INDEX "sessions_agent_name" ON "sessions" ("project_id", "agent_name", "ordinal")
  WHERE "agent_name" IS NOT NULL;
CREATE INDEX "sessions_run" ON "sessions" ("project_id", "run_id", "started_at", "id")
  WHERE "run_id" IS NOT NULL;
CREATE INDEX "sessions_parent" ON "sessions" ("project_id", "parent_id", "ordinal")
  WHERE "parent_id" IS NOT NULL;
CREATE INDEX "sessions_spawned_by" ON "sessions" ("project_id", "spawned_by_id", "ordinal")
  WHERE "spawned_by_id" IS NOT NULL;
