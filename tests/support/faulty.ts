// A whole server whose schema has a field that fails as no real one should, configured by its environment: for suites that
// look for what a failure tells. `node scripts/run.mjs tests/support/faulty.ts` runs it until SIGTERM.
import { startApp } from '../../src/app.js';
import { readConfig } from '../../src/config.js';
import { logTo } from '../../src/logger.js';
import { probe } from './probe.js';

const config = readConfig();
const app = await startApp(config, logTo(config.logLevel), probe().schema);
process.once('SIGTERM', () => void app.close());
process.stdout.write(`Lifeline is ready at ${app.url}\n`);
