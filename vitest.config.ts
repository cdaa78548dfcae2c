import { defineConfig } from 'vitest/config';

// Where the counts go that .ci/run adds up.
const report = process.env.TEST_REPORT;

export default defineConfig({
  // Vite would load graphql's ESM build beside the CommonJS one that Node gives to all others: two copies that refuse each other.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    include: ['tests/**/*.test.ts'],
    globalSetup: 'tests/support/setup.ts',
    // Each file has databases and servers of its own: more at once drown a machine of two cores, and time limits with it.
    maxWorkers: 2,
    // Most of a file's time went to the modules that all of them load; what is a file's own is not shared by any other.
    isolate: false,
    // For tests that start processes, on a machine that is busy with something else.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What a test waits for comes, however busy the machine is: this only bounds the wait for what never does.
    expect: { poll: { timeout: 30_000 } },
    reporters: report ? ['default', ['json', { outputFile: report }]] : ['default'],
    // In CI a test that somebody left alone (`it.only`) fails the run instead of hiding the others.
    allowOnly: !process.env.CI,
  },
});
