-- Commands tell their size, so that a page of them can be bounded before it is read.

ALTER TABLE "commands" ADD COLUMN "size_bytes" INTEGER NOT NULL DEFAULT 0;

-- Rows are never updated: they are written anew, with the rest of the table.
ALTER TABLE "commands" ALTER COLUMN "size_bytes" TYPE INTEGER USING coalesce(octet_length("parameters"::text), 0)
  + coalesce(octet_length("result"::text), 0) + coalesce(octet_length("context_data"::text), 0);
