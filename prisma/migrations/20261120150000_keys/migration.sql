-- Keys: who may do what, and in which project.

CREATE TYPE "role" AS ENUM ('OBSERVER', 'AGENT', 'ADMIN');

CREATE TABLE "api_keys" (
    "project_id" UUID NOT NULL,
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" "role" NOT NULL,
    "server_admin" BOOLEAN NOT NULL DEFAULT false,
    "secret_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "last_used_at" TIMESTAMPTZ(3),
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("project_id","id")
);

-- A request tells its key before anybody knows its project.
CREATE UNIQUE INDEX "api_keys_id_key" ON "api_keys"("id");

CREATE INDEX "api_keys_project_id_created_at_id_idx" ON "api_keys"("project_id", "created_at", "id");

ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_project_id_fkey" FOREIGN KEY ("project_id") REFERENCES "projects"("id") ON DELETE NO ACTION ON UPDATE NO ACTION;

-- Of several servers that start for the first time at once, one makes the admin's key.
CREATE UNIQUE INDEX "api_keys_server_admin" ON "api_keys" ("server_admin") WHERE "server_admin" AND "revoked_at" IS NULL;

ALTER TABLE "api_keys"
  ADD CONSTRAINT "api_keys_secret_hash" CHECK (length("secret_hash") = 32),
  ADD CONSTRAINT "api_keys_server_admin_role" CHECK (NOT "server_admin" OR "role" = 'ADMIN');
