-- The watchdog: when it last looked, on whatever server.

CREATE TABLE "watchdog" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "ticked_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "hearing_since" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "watchdog_pkey" PRIMARY KEY ("id")
);

ALTER TABLE "pulses" ADD COLUMN     "steady" BOOLEAN NOT NULL DEFAULT false;

UPDATE "pulses" p SET "steady" = true FROM "sessions" s
  WHERE s."project_id" = p."project_id" AND s."id" = p."session_id" AND s."state" IN ('WORKING', 'SUSPENDED');

-- One row: there is one watchdog, on whichever server.
ALTER TABLE "watchdog" ADD CONSTRAINT "watchdog_single" CHECK ("id" = 1);
