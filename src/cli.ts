import './production.js';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addDoctor } from './commands/doctor.js';
import { addImport } from './commands/import.js';
import { addKeys } from './commands/keys.js';
import { addMigrate } from './commands/migrate.js';
import { addProjects } from './commands/projects.js';
import { addPurge } from './commands/purge.js';
import { addServe } from './commands/serve.js';
import { addSessions } from './commands/sessions.js';
import { addShow } from './commands/show.js';
import { addTail } from './commands/tail.js';
import { addWatch } from './commands/watch.js';
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
addDoctor(program);
addSessions(program);
addShow(program);
addTail(program);
addWatch(program);
addImport(program);
addPurge(program);
addKeys(program);
addProjects(program);

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

await program.parseAsync().catch(giveUp);
