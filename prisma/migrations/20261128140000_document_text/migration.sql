-- The documents that agents keep of their work are stored as the text that they come as. Nothing is ever looked for in them, and
-- to take 64 KiB apart as jsonb and to put them together again costs more than to write them.

ALTER TABLE "checkpoints"
  ALTER COLUMN "work_state" SET DATA TYPE JSON;

-- A default does not follow its column to another type.
ALTER TABLE "saved_states"
  ALTER COLUMN "conversation_history" DROP DEFAULT,
  ALTER COLUMN "context_variables" DROP DEFAULT;
ALTER TABLE "saved_states"
  ALTER COLUMN "conversation_history" SET DATA TYPE JSON,
  ALTER COLUMN "context_variables" SET DATA TYPE JSON,
  ALTER COLUMN "plan_data" SET DATA TYPE JSON;
ALTER TABLE "saved_states"
  ALTER COLUMN "conversation_history" SET DEFAULT '[]',
  ALTER COLUMN "context_variables" SET DEFAULT '{}';

-- pglz, which compresses unless told otherwise, takes as long as all the rest of a save, and often finds nothing. Where the
-- server has no LZ4 they are therefore not compressed at all.
DO $$
BEGIN
  ALTER TABLE "checkpoints" ALTER COLUMN "work_state" SET COMPRESSION lz4;
  ALTER TABLE "saved_states"
    ALTER COLUMN "conversation_history" SET COMPRESSION lz4,
    ALTER COLUMN "context_variables" SET COMPRESSION lz4,
    ALTER COLUMN "plan_data" SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
  ALTER TABLE "checkpoints" ALTER COLUMN "work_state" SET STORAGE EXTERNAL;
  ALTER TABLE "saved_states"
    ALTER COLUMN "conversation_history" SET STORAGE EXTERNAL,
    ALTER COLUMN "context_variables" SET STORAGE EXTERNAL,
    ALTER COLUMN "plan_data" SET STORAGE EXTERNAL;
END $$;
