import { defineConfig } from 'prisma/config';

// `prisma generate` insists on finding a schema engine that it never starts: with one named, nothing is downloaded.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath;

export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
});
