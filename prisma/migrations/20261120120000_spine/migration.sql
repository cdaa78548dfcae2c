-- The spine: projects, conversations, runs, sessions with their pulse, the log, and idempotency keys.
-- First what prisma/schema.prisma says, then what it cannot say.

CREATE TYPE "session_kind" AS ENUM ('CONVERSATION', 'AGENT', 'SUPERVISOR', 'WORKFLOW');

CREATE TYPE "lifecycle_state" AS ENUM ('BOOTING', 'WORKING', 'SUSPENDED', 'STALLED', 'ZOMBIE', 'COMPLETED');

CREATE TYPE "outcome" AS ENUM ('SUCCESS', 'FAILURE', 'ABORTED', 'UNKNOWN');

CREATE TYPE "start_reason" AS ENUM ('FIRST_MESSAGE', 'PLAN_TO_EXECUTE', 'ISOLATION_CHANGED', 'CODEBASE_CHANGED', 'CODEBASE_CLONED', 'CWD_CHANGED', 'RESET_REQUESTED', 'CONTEXT_RESET', 'CONTEXT_COMPACTED', 'REPO_REMOVED', 'WORKTREE_REMOVED', 'CONVERSATION_CLOSED', 'PROJECT_CHANGED', 'REGISTERED', 'SPAWNED', 'HANDOFF', 'RESTORED', 'FORKED', 'TAKEN_OVER', 'IMPORTED');

CREATE TYPE "end_reason" AS ENUM ('PLAN_TO_EXECUTE', 'ISOLATION_CHANGED', 'CODEBASE_CHANGED', 'CODEBASE_CLONED', 'CWD_CHANGED', 'RESET_REQUESTED', 'CONTEXT_RESET', 'CONTEXT_COMPACTED', 'REPO_REMOVED', 'WORKTREE_REMOVED', 'CONVERSATION_CLOSED', 'PROJECT_CHANGED', 'FINISHED', 'FAILED', 'STOPPED', 'EXPIRED', 'HANDED_OFF', 'RESTORED', 'SUPERSEDED', 'PROCESS_DIED', 'TERMINATED');

CREATE TYPE "run_status" AS ENUM ('ACTIVE', 'COMPLETED', 'FAILED');

CREATE TYPE "event_level" AS ENUM ('DEBUG', 'INFO', 'WARN', 'ERROR');

CREATE TYPE "event_type" AS ENUM ('INSTANCE_REGISTERED', 'INSTANCE_HEARTBEAT', 'INSTANCE_STALE', 'EPIC_STARTED', 'EPIC_COMPLETED', 'EPIC_FAILED', 'EPIC_PLANNED', 'TEST_STARTED', 'TEST_PASSED', 'TEST_FAILED', 'VALIDATION_PASSED', 'VALIDATION_FAILED', 'COMMIT_CREATED', 'PR_CREATED', 'PR_MERGED', 'DEPLOYMENT_STARTED', 'DEPLOYMENT_COMPLETED', 'DEPLOYMENT_FAILED', 'CONTEXT_WINDOW_UPDATED', 'CHECKPOINT_CREATED', 'CHECKPOINT_LOADED', 'FEATURE_REQUESTED', 'TASK_SPAWNED', 'USER_MESSAGE', 'ASSISTANT_MESSAGE', 'TOOL_STARTED', 'TOOL_ENDED', 'TURN_STARTED', 'TURN_ENDED', 'PROGRESS', 'RESULT', 'MAIL_SENT', 'MAIL_RECEIVED', 'ERROR', 'CUSTOM', 'SESSION_STARTED', 'SESSION_STATE_CHANGED', 'SESSION_STALLED', 'SESSION_ESCALATED', 'SESSION_RECOVERED', 'SESSION_ZOMBIE', 'SESSION_REVIVED', 'SESSION_CONTRADICTION', 'SESSION_UPDATED', 'SESSION_ENDED', 'LATE_WRITE_REJECTED', 'STATE_SAVED', 'COMMAND_LOGGED', 'RUN_STARTED', 'RUN_WORKERS_FINISHED', 'RUN_COMPLETED', 'CONVERSATION_OPENED', 'CONVERSATION_CLOSED', 'HANDOFF_CREATED', 'HANDOFF_COMPLETED', 'APPROVAL_REQUESTED', 'APPROVAL_RESOLVED', 'SIGNAL_SENT', 'SIGNAL_ACKNOWLEDGED', 'SESSIONS_PURGED');

CREATE TABLE "projects" (
    "id" UUID NOT NULL,
    "slug" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "log_position" BIGINT NOT NULL DEFAULT 0,
    "log_start" BIGINT NOT NULL DEFAULT 1,

    CONSTRAINT "projects_pkey" PRIMARY KEY ("id")
);

CREATE TABLE "conversations" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "platform" TEXT NOT NULL,
    "external_id" TEXT NOT NULL,
    "title" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_activity_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "closed_at" TIMESTAMPTZ(3),

    CONSTRAINT "conversations_pkey" PRIMARY KEY ("project_id","id")
);

CREATE TABLE "runs" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "external_id" TEXT,
    "status" "run_status" NOT NULL DEFAULT 'ACTIVE',
    "description" TEXT,
    "coordinator_name" TEXT,
    "coordinator_session_id" UUID,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completed_at" TIMESTAMPTZ(3),
    "workers_finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "runs_pkey" PRIMARY KEY ("project_id","id")
);

CREATE TABLE "sessions" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "ordinal" BIGSERIAL NOT NULL,
    "kind" "session_kind" NOT NULL,
    "agent_name" TEXT,
    "capability" TEXT,
    "instance_id" TEXT,
    "external_id" TEXT,
    "provider_session_id" TEXT,
    "assistant" TEXT,
    "task_id" TEXT,
    "title" TEXT,
    "host_machine" TEXT,
    "worktree_path" TEXT,
    "branch_name" TEXT,
    "tmux_session" TEXT,
    "pid" INTEGER,
    "transcript_path" TEXT,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "state" "lifecycle_state" NOT NULL DEFAULT 'BOOTING',
    "state_changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "version" INTEGER NOT NULL DEFAULT 1,
    "started_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "start_reason" "start_reason" NOT NULL,
    "ended_at" TIMESTAMPTZ(3),
    "end_reason" "end_reason",
    "outcome" "outcome",
    "ended_by" TEXT,
    "end_note" TEXT,
    "parent_id" UUID,
    "chain_root_id" UUID NOT NULL,
    "chain_index" INTEGER NOT NULL DEFAULT 0,
    "spawned_by_id" UUID,
    "depth" INTEGER NOT NULL DEFAULT 0,
    "conversation_id" UUID,
    "run_id" UUID,
    "stall_after_seconds" INTEGER,
    "zombie_after_seconds" INTEGER,
    "escalate_every_seconds" INTEGER,
    "max_escalation_level" INTEGER NOT NULL DEFAULT 0,
    "stalled_since" TIMESTAMPTZ(3),
    "zombie_since" TIMESTAMPTZ(3),
    "escalation_level" INTEGER,
    "evidence" JSONB,

    CONSTRAINT "sessions_pkey" PRIMARY KEY ("project_id","id")
);

CREATE TABLE "pulses" (
    "project_id" UUID NOT NULL,
    "session_id" UUID NOT NULL,
    "last_heartbeat_at" TIMESTAMPTZ(3),
    "last_activity_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "context_percent" DOUBLE PRECISION,
    "current_epic" TEXT,
    "activity" TEXT,
    "event_sequence" BIGINT NOT NULL DEFAULT 0,
    "recorded_context" DOUBLE PRECISION,
    "heartbeat_recorded_at" TIMESTAMPTZ(3),
    "late_writes" INTEGER NOT NULL DEFAULT 0,
    "late_write_recorded_at" TIMESTAMPTZ(3),

    CONSTRAINT "pulses_pkey" PRIMARY KEY ("project_id","session_id")
);

CREATE TABLE "events" (
    "project_id" UUID NOT NULL,
    "position" BIGINT NOT NULL,
    "id" UUID NOT NULL,
    "session_id" UUID,
    "sequence" BIGINT,
    "run_id" UUID,
    "conversation_id" UUID,
    "type" "event_type" NOT NULL,
    "name" TEXT,
    "level" "event_level" NOT NULL DEFAULT 'INFO',
    "tool_name" TEXT,
    "data" JSONB NOT NULL DEFAULT '{}',
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "cause_id" UUID,
    "dedupe_key" TEXT,
    "occurred_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "recorded_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "size_bytes" INTEGER NOT NULL,

    CONSTRAINT "events_pkey" PRIMARY KEY ("project_id","position")
);

CREATE TABLE "idempotency_keys" (
    "project_id" UUID NOT NULL,
    "key" TEXT NOT NULL,
    "mutation" TEXT NOT NULL,
    "input_hash" TEXT NOT NULL,
    "answer" JSONB NOT NULL,
    "position" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "idempotency_keys_pkey" PRIMARY KEY ("project_id","key")
);

CREATE UNIQUE INDEX "projects_slug_key" ON "projects"("slug");

CREATE INDEX "conversations_project_id_created_at_id_idx" ON "conversations"("project_id", "created_at", "id");

CREATE UNIQUE INDEX "conversations_key" ON "conversations"("project_id", "platform", "external_id");

CREATE INDEX "runs_project_id_started_at_id_idx" ON "runs"("project_id", "started_at", "id");

CREATE INDEX "runs_project_id_coordinator_session_id_idx" ON "runs"("project_id", "coordinator_session_id");

CREATE UNIQUE INDEX "runs_external_id" ON "runs"("project_id", "external_id");

CREATE INDEX "sessions_project_id_conversation_id_ordinal_idx" ON "sessions"("project_id", "conversation_id", "ordinal");

CREATE INDEX "sessions_project_id_agent_name_ordinal_idx" ON "sessions"("project_id", "agent_name", "ordinal");

CREATE INDEX "sessions_project_id_run_id_started_at_id_idx" ON "sessions"("project_id", "run_id", "started_at", "id");

CREATE INDEX "sessions_project_id_parent_id_ordinal_idx" ON "sessions"("project_id", "parent_id", "ordinal");

CREATE INDEX "sessions_project_id_spawned_by_id_ordinal_idx" ON "sessions"("project_id", "spawned_by_id", "ordinal");

CREATE INDEX "sessions_project_id_chain_root_id_chain_index_idx" ON "sessions"("project_id", "chain_root_id", "chain_index");

CREATE INDEX "sessions_project_id_started_at_id_idx" ON "sessions"("project_id", "started_at", "id");

CREATE INDEX "sessions_project_id_ended_at_id_idx" ON "sessions"("project_id", "ended_at", "id");

CREATE UNIQUE INDEX "sessions_instance_id" ON "sessions"("project_id", "instance_id");

CREATE UNIQUE INDEX "sessions_external_id" ON "sessions"("project_id", "external_id");

CREATE UNIQUE INDEX "events_id" ON "events"("project_id", "id");

CREATE UNIQUE INDEX "events_sequence" ON "events"("project_id", "session_id", "sequence");

CREATE INDEX "idempotency_keys_created_at_idx" ON "idempotency_keys"("created_at");

ALTER TABLE "conversations" ADD CONSTRAINT "conversations_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "runs" ADD CONSTRAINT "runs_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "runs" ADD CONSTRAINT "runs_project_id_coordinator_session_id_fkey" FOREIGN KEY ("project_id", "coordinator_session_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "sessions" ADD CONSTRAINT "sessions_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "sessions" ADD CONSTRAINT "sessions_project_id_conversation_id_fkey" FOREIGN KEY ("project_id", "conversation_id") REFERENCES "conversations"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "sessions" ADD CONSTRAINT "sessions_project_id_run_id_fkey" FOREIGN KEY ("project_id", "run_id") REFERENCES "runs"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "sessions" ADD CONSTRAINT "sessions_project_id_parent_id_fkey" FOREIGN KEY ("project_id", "parent_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "sessions" ADD CONSTRAINT "sessions_project_id_spawned_by_id_fkey" FOREIGN KEY ("project_id", "spawned_by_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "pulses" ADD CONSTRAINT "pulses_project_id_session_id_fkey" FOREIGN KEY ("project_id", "session_id") REFERENCES "sessions"("project_id", "id") ON DELETE CASCADE ON UPDATE NO ACTION;

ALTER TABLE "events" ADD CONSTRAINT "events_project_id_session_id_fkey" FOREIGN KEY ("project_id", "session_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "events" ADD CONSTRAINT "events_project_id_run_id_fkey" FOREIGN KEY ("project_id", "run_id") REFERENCES "runs"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "events" ADD CONSTRAINT "events_project_id_conversation_id_fkey" FOREIGN KEY ("project_id", "conversation_id") REFERENCES "conversations"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "events" ADD CONSTRAINT "events_project_id_cause_id_fkey" FOREIGN KEY ("project_id", "cause_id") REFERENCES "events"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- ─── One place, one open session ───

CREATE UNIQUE INDEX "sessions_open_conversation" ON "sessions" ("project_id", "conversation_id")
  WHERE "ended_at" IS NULL AND "conversation_id" IS NOT NULL;

CREATE UNIQUE INDEX "sessions_open_agent_name" ON "sessions" ("project_id", "agent_name")
  WHERE "ended_at" IS NULL AND "agent_name" IS NOT NULL;

CREATE UNIQUE INDEX "runs_active_coordinator" ON "runs" ("project_id", "coordinator_name")
  WHERE "status" = 'ACTIVE' AND "coordinator_name" IS NOT NULL;

-- What dashboards and the watchdog ask for: the few sessions that are still open among the many that have ended.
CREATE INDEX "sessions_open_state" ON "sessions" ("project_id", "state") WHERE "ended_at" IS NULL;

-- ─── The log ───

-- A retried append finds what is there.
CREATE UNIQUE INDEX "events_dedupe_key" ON "events" ("project_id", "session_id", "dedupe_key")
  WHERE "dedupe_key" IS NOT NULL;

CREATE INDEX "events_run" ON "events" ("project_id", "run_id", "position") WHERE "run_id" IS NOT NULL;

-- Serves the foreign key when a purge deletes causes.
CREATE INDEX "events_cause" ON "events" ("project_id", "cause_id") WHERE "cause_id" IS NOT NULL;

ALTER TABLE "events"
  ADD CONSTRAINT "events_position_positive" CHECK ("position" > 0),
  ADD CONSTRAINT "events_sequence_with_session" CHECK (("session_id" IS NULL) = ("sequence" IS NULL)),
  ADD CONSTRAINT "events_custom_named" CHECK ("type" <> 'CUSTOM' OR "name" IS NOT NULL),
  ADD CONSTRAINT "events_not_own_cause" CHECK ("cause_id" <> "id");

-- ─── Facts that belong together ───

ALTER TABLE "projects"
  ADD CONSTRAINT "projects_log" CHECK ("log_position" >= 0 AND "log_start" BETWEEN 1 AND "log_position" + 1);

ALTER TABLE "runs"
  ADD CONSTRAINT "runs_completed_unless_active" CHECK (("status" = 'ACTIVE') = ("completed_at" IS NULL));

ALTER TABLE "sessions"
  ADD CONSTRAINT "sessions_ended_together" CHECK (
    ("state" = 'COMPLETED') = ("ended_at" IS NOT NULL)
    AND ("ended_at" IS NULL) = ("end_reason" IS NULL)
    AND ("ended_at" IS NULL) = ("outcome" IS NULL)
    AND ("ended_at" IS NOT NULL OR ("ended_by" IS NULL AND "end_note" IS NULL))
  ),
  ADD CONSTRAINT "sessions_stalled_since" CHECK (("state" = 'STALLED') = ("stalled_since" IS NOT NULL)),
  ADD CONSTRAINT "sessions_zombie_since" CHECK (("state" = 'ZOMBIE') = ("zombie_since" IS NOT NULL)),
  ADD CONSTRAINT "sessions_escalation_level" CHECK (
    "escalation_level" IS NULL OR ("escalation_level" BETWEEN 0 AND 3 AND "state" = 'STALLED')
  ),
  ADD CONSTRAINT "sessions_policy" CHECK (
    "stall_after_seconds" > 0 AND "zombie_after_seconds" > 0 AND "escalate_every_seconds" > 0
    AND "max_escalation_level" BETWEEN 0 AND 3
  ),
  ADD CONSTRAINT "sessions_instance_id_form" CHECK (
    length("instance_id") <= 128 AND "instance_id" ~ '^[a-z0-9][a-z0-9-]*-(PS|MS)-[a-z0-9]{6}$'
  ),
  ADD CONSTRAINT "sessions_not_own_parent" CHECK ("parent_id" <> "id"),
  ADD CONSTRAINT "sessions_not_own_spawner" CHECK ("spawned_by_id" <> "id"),
  ADD CONSTRAINT "sessions_counts" CHECK ("chain_index" >= 0 AND "depth" >= 0 AND "version" > 0);

ALTER TABLE "pulses"
  ADD CONSTRAINT "pulses_context_percent" CHECK ("context_percent" BETWEEN 0 AND 100),
  ADD CONSTRAINT "pulses_counts" CHECK ("event_sequence" >= 0 AND "late_writes" >= 0);

-- ─── What is written once ───

-- A child continues the chain of a parent that is there before it. Together with the frozen lineage below that leaves no
-- cycle; the foreign key alone would allow one that a single statement inserts.
CREATE FUNCTION "sessions_check_chain"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  parent record;
BEGIN
  IF NEW."parent_id" IS NULL THEN
    IF NEW."chain_index" <> 0 OR NEW."chain_root_id" <> NEW."id" THEN
      RAISE EXCEPTION 'a session without a parent is the root of its chain'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'sessions_chain';
    END IF;
    RETURN NEW;
  END IF;
  SELECT "chain_index", "chain_root_id" INTO parent
    FROM "sessions" WHERE "project_id" = NEW."project_id" AND "id" = NEW."parent_id";
  IF NOT FOUND OR NEW."chain_index" <> parent."chain_index" + 1 OR NEW."chain_root_id" <> parent."chain_root_id" THEN
    RAISE EXCEPTION 'a session continues the chain of a parent that is there before it, by one'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'sessions_chain';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER "sessions_check_chain" BEFORE INSERT ON "sessions"
  FOR EACH ROW EXECUTE FUNCTION "sessions_check_chain"();

-- Identity, lineage and start facts never change, and an ended row does not change at all; only a purge cuts the edges
-- to a session that it deletes.
CREATE FUNCTION "sessions_keep_facts"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  purging boolean := current_setting('lifeline.purging', true) IS NOT DISTINCT FROM 'on';
BEGIN
  IF (OLD."project_id", OLD."id", OLD."ordinal", OLD."kind", OLD."agent_name", OLD."capability", OLD."instance_id",
      OLD."external_id", OLD."assistant", OLD."started_at", OLD."start_reason", OLD."chain_root_id",
      OLD."chain_index", OLD."depth", OLD."conversation_id", OLD."run_id")
    IS DISTINCT FROM
     (NEW."project_id", NEW."id", NEW."ordinal", NEW."kind", NEW."agent_name", NEW."capability", NEW."instance_id",
      NEW."external_id", NEW."assistant", NEW."started_at", NEW."start_reason", NEW."chain_root_id",
      NEW."chain_index", NEW."depth", NEW."conversation_id", NEW."run_id")
    OR (NEW."parent_id" IS DISTINCT FROM OLD."parent_id" AND NOT (purging AND NEW."parent_id" IS NULL))
    OR (NEW."spawned_by_id" IS DISTINCT FROM OLD."spawned_by_id" AND NOT (purging AND NEW."spawned_by_id" IS NULL))
  THEN
    RAISE EXCEPTION 'identity, lineage and start of a session never change'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'sessions_written_once';
  END IF;
  IF OLD."ended_at" IS NOT NULL AND
     (OLD."state", OLD."state_changed_at", OLD."version", OLD."ended_at", OLD."end_reason", OLD."outcome",
      OLD."ended_by", OLD."end_note", OLD."provider_session_id", OLD."task_id", OLD."title", OLD."host_machine",
      OLD."worktree_path", OLD."branch_name", OLD."tmux_session", OLD."pid", OLD."transcript_path", OLD."metadata",
      OLD."stall_after_seconds", OLD."zombie_after_seconds", OLD."escalate_every_seconds",
      OLD."max_escalation_level", OLD."evidence")
    IS DISTINCT FROM
     (NEW."state", NEW."state_changed_at", NEW."version", NEW."ended_at", NEW."end_reason", NEW."outcome",
      NEW."ended_by", NEW."end_note", NEW."provider_session_id", NEW."task_id", NEW."title", NEW."host_machine",
      NEW."worktree_path", NEW."branch_name", NEW."tmux_session", NEW."pid", NEW."transcript_path", NEW."metadata",
      NEW."stall_after_seconds", NEW."zombie_after_seconds", NEW."escalate_every_seconds",
      NEW."max_escalation_level", NEW."evidence")
  THEN
    RAISE EXCEPTION 'an ended session never changes'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'sessions_frozen';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER "sessions_keep_facts" BEFORE UPDATE ON "sessions"
  FOR EACH ROW EXECUTE FUNCTION "sessions_keep_facts"();

-- Signs of life never move back, whatever order their flushes commit in.
CREATE FUNCTION "pulses_only_forward"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW."last_heartbeat_at" := greatest(NEW."last_heartbeat_at", OLD."last_heartbeat_at");
  NEW."last_activity_at" := greatest(NEW."last_activity_at", OLD."last_activity_at");
  RETURN NEW;
END $$;

CREATE TRIGGER "pulses_only_forward" BEFORE UPDATE ON "pulses" FOR EACH ROW
  WHEN (NEW."last_activity_at" < OLD."last_activity_at" OR NEW."last_heartbeat_at" IS NULL
    OR NEW."last_heartbeat_at" < OLD."last_heartbeat_at")
  EXECUTE FUNCTION "pulses_only_forward"();

-- Events are never updated; only a purge, which says so by this setting, deletes them or forgets a deleted cause.
CREATE FUNCTION "refuse_unless_purging"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('lifeline.purging', true) IS DISTINCT FROM 'on' THEN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
      USING ERRCODE = 'check_violation', CONSTRAINT = 'append_only';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER "events_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "events"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_unless_purging"();

-- ─── Storage ───

-- These rows are updated in place all the time: room on their page keeps the update off every index (HOT).
ALTER TABLE "pulses" SET (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);
ALTER TABLE "projects" SET (fillfactor = 50);
