import type { Command } from 'commander';
import { readConfig, type Flags } from '../config.js';
import { startEmbedded } from '../database/embedded.js';
import { migrate } from '../database/migrate.js';
import { logTo } from '../logger.js';
import { addSettings } from './setting.js';

export function addMigrate(program: Command): void {
  const command = program.command('migrate').description('bring the database to the newest schema, as a server does');
  addSettings(command, ['databaseUrl', 'dataDir', 'logLevel']).action(run);
}

async function run(flags: Flags): Promise<void> {
  const { databaseUrl, dataDir, logLevel } = readConfig(flags);
  if (databaseUrl) {
    report(await migrate(databaseUrl));
    return;
  }
  const embedded = await startEmbedded({ dataDir, log: logTo(logLevel) });
  try {
    report(await migrate(embedded.url));
  } finally {
    await embedded.stop();
  }
}

function report(applied: readonly string[]): void {
  for (const name of applied) process.stdout.write(`applied ${name}\n`);
  if (applied.length === 0) process.stdout.write('The database is up to date.\n');
}
