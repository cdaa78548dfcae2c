import type { Command } from 'commander';
import { settings, type Config, type Flags } from '../config.js';
import { runServer } from '../process.js';
import { addSettings } from './setting.js';

export function addServe(program: Command): void {
  const command = program.command('serve').description('run a server until it is told to stop');
  addSettings(command, Object.keys(settings) as (keyof Config)[]).action((flags: Flags) => runServer(flags));
}
