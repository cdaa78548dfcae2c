-- Records: checkpoints, commands, saved states, handoffs, approvals and signals.
-- First what prisma/schema.prisma says, then what it cannot say.

CREATE TYPE "checkpoint_type" AS ENUM ('MANUAL', 'AUTOMATIC');

CREATE TYPE "checkpoint_trigger" AS ENUM ('MANUAL', 'CONTEXT_WINDOW', 'EPIC_COMPLETION', 'STEP_COMPLETE', 'TIMED', 'ERROR', 'HANDOFF');

CREATE TYPE "command_source" AS ENUM ('AUTO', 'EXPLICIT');

CREATE TYPE "saved_state_status" AS ENUM ('ACTIVE', 'SUSPENDED', 'COMPLETED', 'EXPIRED');

CREATE TYPE "handoff_reason" AS ENUM ('COMPACTION', 'CRASH', 'MANUAL', 'TIMEOUT');

CREATE TYPE "approval_type" AS ENUM ('PLAN', 'STEP', 'ERROR_RECOVERY', 'TOOL_CALL', 'OTHER');

CREATE TYPE "approval_status" AS ENUM ('PENDING', 'RESOLVED', 'EXPIRED', 'CANCELLED');

CREATE TYPE "approval_resolution" AS ENUM ('APPROVED', 'REJECTED', 'MODIFIED');

CREATE TYPE "signal_kind" AS ENUM ('NUDGE', 'CHECKPOINT', 'SUSPEND', 'STOP', 'MESSAGE');

ALTER TABLE "projects" ADD COLUMN     "log_purged" BIGINT NOT NULL DEFAULT 0;

ALTER TABLE "pulses" ADD COLUMN     "checkpoint_sequence" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "command_sequence" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "watched" BOOLEAN NOT NULL DEFAULT true;

CREATE TABLE "checkpoints" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "session_id" UUID NOT NULL,
    "sequence" BIGINT NOT NULL,
    "type" "checkpoint_type" NOT NULL,
    "trigger" "checkpoint_trigger" NOT NULL,
    "context_percent" DOUBLE PRECISION,
    "work_state" JSONB NOT NULL,
    "summary" TEXT,
    "pending_work" TEXT[],
    "files_modified" TEXT[],
    "branch_name" TEXT,
    "metadata" JSONB NOT NULL DEFAULT '{}',
    "event_sequence" BIGINT NOT NULL,
    "size_bytes" INTEGER NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "checkpoints_pkey" PRIMARY KEY ("project_id","id")
);

CREATE TABLE "commands" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "session_id" UUID NOT NULL,
    "sequence" BIGINT NOT NULL,
    "command_type" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "tool_name" TEXT,
    "parameters" JSONB,
    "result" JSONB,
    "success" BOOLEAN NOT NULL,
    "error_message" TEXT,
    "execution_time_ms" INTEGER,
    "tags" TEXT[],
    "context_data" JSONB,
    "source" "command_source" NOT NULL,
    "redacted" BOOLEAN NOT NULL,
    "dedupe_key" TEXT,
    "event_sequence" BIGINT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "commands_pkey" PRIMARY KEY ("project_id","id")
);

CREATE TABLE "saved_states" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "session_id" UUID NOT NULL,
    "mode" TEXT NOT NULL,
    "conversation_history" JSONB NOT NULL DEFAULT '[]',
    "context_variables" JSONB NOT NULL DEFAULT '{}',
    "plan_data" JSONB,
    "current_phase" TEXT,
    "current_step" INTEGER,
    "status" "saved_state_status" NOT NULL DEFAULT 'ACTIVE',
    "version" INTEGER NOT NULL DEFAULT 1,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3),

    CONSTRAINT "saved_states_pkey" PRIMARY KEY ("project_id","id")
);

CREATE TABLE "handoffs" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "from_id" UUID NOT NULL,
    "to_id" UUID,
    "checkpoint_id" UUID NOT NULL,
    "reason" "handoff_reason" NOT NULL,
    "note" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "completed_at" TIMESTAMPTZ(3),
    "cancelled_at" TIMESTAMPTZ(3),

    CONSTRAINT "handoffs_pkey" PRIMARY KEY ("project_id","id")
);

CREATE TABLE "approvals" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "session_id" UUID NOT NULL,
    "type" "approval_type" NOT NULL,
    "question" TEXT NOT NULL,
    "context" JSONB NOT NULL DEFAULT '{}',
    "status" "approval_status" NOT NULL DEFAULT 'PENDING',
    "resolution" "approval_resolution",
    "result" JSONB,
    "resolved_by" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "expires_at" TIMESTAMPTZ(3) NOT NULL,
    "resolved_at" TIMESTAMPTZ(3),

    CONSTRAINT "approvals_pkey" PRIMARY KEY ("project_id","id")
);

CREATE TABLE "signals" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "session_id" UUID NOT NULL,
    "kind" "signal_kind" NOT NULL,
    "note" TEXT,
    "payload" JSONB,
    "sent_by" TEXT NOT NULL,
    "sent_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "acknowledged_at" TIMESTAMPTZ(3),
    "cancelled_at" TIMESTAMPTZ(3),

    CONSTRAINT "signals_pkey" PRIMARY KEY ("project_id","id")
);

CREATE INDEX "checkpoints_project_id_created_at_id_idx" ON "checkpoints"("project_id", "created_at", "id");

CREATE UNIQUE INDEX "checkpoints_sequence" ON "checkpoints"("project_id", "session_id", "sequence");

CREATE INDEX "commands_project_id_created_at_id_idx" ON "commands"("project_id", "created_at", "id");

CREATE UNIQUE INDEX "commands_sequence" ON "commands"("project_id", "session_id", "sequence");

CREATE INDEX "saved_states_project_id_session_id_created_at_idx" ON "saved_states"("project_id", "session_id", "created_at");

CREATE INDEX "handoffs_project_id_from_id_idx" ON "handoffs"("project_id", "from_id");

CREATE INDEX "handoffs_project_id_to_id_idx" ON "handoffs"("project_id", "to_id");

CREATE INDEX "handoffs_project_id_checkpoint_id_idx" ON "handoffs"("project_id", "checkpoint_id");

CREATE INDEX "approvals_project_id_session_id_created_at_idx" ON "approvals"("project_id", "session_id", "created_at");

CREATE INDEX "approvals_project_id_created_at_id_idx" ON "approvals"("project_id", "created_at", "id");

CREATE INDEX "signals_project_id_session_id_sent_at_idx" ON "signals"("project_id", "session_id", "sent_at");

ALTER TABLE "checkpoints" ADD CONSTRAINT "checkpoints_project_id_session_id_fkey" FOREIGN KEY ("project_id", "session_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "commands" ADD CONSTRAINT "commands_project_id_session_id_fkey" FOREIGN KEY ("project_id", "session_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "saved_states" ADD CONSTRAINT "saved_states_project_id_session_id_fkey" FOREIGN KEY ("project_id", "session_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "handoffs" ADD CONSTRAINT "handoffs_project_id_from_id_fkey" FOREIGN KEY ("project_id", "from_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "handoffs" ADD CONSTRAINT "handoffs_project_id_to_id_fkey" FOREIGN KEY ("project_id", "to_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "handoffs" ADD CONSTRAINT "handoffs_project_id_checkpoint_id_fkey" FOREIGN KEY ("project_id", "checkpoint_id") REFERENCES "checkpoints"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "approvals" ADD CONSTRAINT "approvals_project_id_session_id_fkey" FOREIGN KEY ("project_id", "session_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

ALTER TABLE "signals" ADD CONSTRAINT "signals_project_id_session_id_fkey" FOREIGN KEY ("project_id", "session_id") REFERENCES "sessions"("project_id", "id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- ─── At most one ───

CREATE UNIQUE INDEX "saved_states_open" ON "saved_states" ("project_id", "session_id")
  WHERE "status" IN ('ACTIVE', 'SUSPENDED');

CREATE UNIQUE INDEX "handoffs_pending" ON "handoffs" ("project_id", "from_id")
  WHERE "completed_at" IS NULL AND "cancelled_at" IS NULL;

-- A retried log of commands finds what is there.
CREATE UNIQUE INDEX "commands_dedupe_key" ON "commands" ("project_id", "session_id", "dedupe_key")
  WHERE "dedupe_key" IS NOT NULL;

-- ─── The few that are pending among the many that are not ───

CREATE INDEX "saved_states_expiry" ON "saved_states" ("expires_at") WHERE "status" IN ('ACTIVE', 'SUSPENDED');
CREATE INDEX "approvals_expiry" ON "approvals" ("expires_at") WHERE "status" = 'PENDING';
CREATE INDEX "approvals_pending" ON "approvals" ("project_id", "session_id") WHERE "status" = 'PENDING';
CREATE INDEX "signals_pending" ON "signals" ("project_id", "session_id", "sent_at")
  WHERE "acknowledged_at" IS NULL AND "cancelled_at" IS NULL;

-- ─── Full text ───

-- The words and numbers in an event's data, as they stand: logs are no natural language, so nothing is stemmed.
CREATE INDEX "events_search" ON "events" USING gin (jsonb_to_tsvector('simple', "data", '["string", "numeric"]'));

-- ─── Facts that belong together ───

ALTER TABLE "checkpoints"
  ADD CONSTRAINT "checkpoints_context_percent" CHECK ("context_percent" BETWEEN 0 AND 100),
  ADD CONSTRAINT "checkpoints_sequence_positive" CHECK ("sequence" > 0);

ALTER TABLE "commands"
  ADD CONSTRAINT "commands_counts" CHECK ("sequence" > 0 AND "execution_time_ms" >= 0);

ALTER TABLE "saved_states"
  ADD CONSTRAINT "saved_states_version" CHECK ("version" > 0);

ALTER TABLE "handoffs"
  ADD CONSTRAINT "handoffs_settled" CHECK (
    ("completed_at" IS NULL OR "cancelled_at" IS NULL) AND ("completed_at" IS NOT NULL OR "to_id" IS NULL)
  ),
  ADD CONSTRAINT "handoffs_not_to_itself" CHECK ("to_id" <> "from_id");

ALTER TABLE "approvals"
  ADD CONSTRAINT "approvals_settled" CHECK (
    ("status" = 'PENDING') = ("resolved_at" IS NULL) AND ("status" = 'RESOLVED') = ("resolution" IS NOT NULL)
  );

ALTER TABLE "signals"
  ADD CONSTRAINT "signals_settled" CHECK ("acknowledged_at" IS NULL OR "cancelled_at" IS NULL);

-- ─── What is written once ───

CREATE TRIGGER "checkpoints_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "checkpoints"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_unless_purging"();

CREATE TRIGGER "commands_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "commands"
  FOR EACH STATEMENT EXECUTE FUNCTION "refuse_unless_purging"();

-- A save adds one to the version, and a settled state stays as it is.
CREATE FUNCTION "saved_states_next_version"() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD."status" IN ('COMPLETED', 'EXPIRED') OR NEW."version" NOT IN (OLD."version", OLD."version" + 1) THEN
    RAISE EXCEPTION 'a saved state moves on by one version, and not at all once it is settled'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'saved_states_next_version';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER "saved_states_next_version" BEFORE UPDATE ON "saved_states"
  FOR EACH ROW EXECUTE FUNCTION "saved_states_next_version"();
