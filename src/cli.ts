import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addImport } from './commands/import.js';
import { addMigrate } from './commands/migrate.js';
import { addServe } from './commands/serve.js';
import { giveUp } from './process.js';

const { version, description } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
  description: string;
};

const program = new Command('lifeline')
  .description(description)
  .version(version)
  // Whoever calls it wrongly hears it by the same status as from other tools; commands added below inherit this.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .showHelpAfterError('Try lifeline --help.');

addServe(program);
addMigrate(program);
addImport(program);

await program.parseAsync().catch(giveUp);
