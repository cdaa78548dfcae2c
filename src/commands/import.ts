import type { Command } from 'commander';
import { addImportClaudeCode } from './importClaudeCode.js';
import { addImportOverstory } from './importOverstory.js';

export function addImport(program: Command): void {
  const command = program.command('import').description('bring what other programs have recorded');
  addImportClaudeCode(command);
  addImportOverstory(command);
}
