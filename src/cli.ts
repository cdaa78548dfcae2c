import './production.js';
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { giveUp } from './giveUp.js';

const { version, description } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
  description: string;
};

// A command is loaded when it is called, and all where help or an error tells of them: most need neither server nor database.
const commands = new Map<string, () => Promise<(program: Command) => void>>([
  ['serve', async () => (await import('./commands/serve.js')).addServe],
  ['migrate', async () => (await import('./commands/migrate.js')).addMigrate],
  ['doctor', async () => (await import('./commands/doctor.js')).addDoctor],
  ['sessions', async () => (await import('./commands/sessions.js')).addSessions],
  ['show', async () => (await import('./commands/show.js')).addShow],
  ['tail', async () => (await import('./commands/tail.js')).addTail],
  ['watch', async () => (await import('./commands/watch.js')).addWatch],
  ['import', async () => (await import('./commands/import.js')).addImport],
  ['purge', async () => (await import('./commands/purge.js')).addPurge],
  ['keys', async () => (await import('./commands/keys.js')).addKeys],
  ['projects', async () => (await import('./commands/projects.js')).addProjects],
]);

const program = new Command('lifeline')
  .description(description)
  .version(version)
  // Whoever calls it wrongly hears it by the same status as from other tools; commands added below inherit this.
  .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2))
  .showHelpAfterError('Try lifeline --help.');

const named = commands.get(process.argv[2] ?? '');
for (const load of named ? [named] : commands.values()) (await load())(program);

// Whoever reads the output may have seen enough, as `head` has.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

await program.parseAsync().catch(giveUp);
