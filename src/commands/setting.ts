import type { Command } from 'commander';
import { settings, type Config } from '../config.js';

/** Gives the command a flag for each of these settings; its action finds them under their names. */
export function addSettings(command: Command, names: readonly (keyof Config)[]): Command {
  for (const name of names) {
    const { flag, meaning, variable, fallback } = settings[name];
    if (flag) command.option(flag, `${meaning} (${variable}${fallback && `, default ${fallback}`})`);
  }
  return command;
}
