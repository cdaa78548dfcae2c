import { ConfigError } from './config.js';

const MISUSE = 2;

/** Says why the process cannot do what it was asked to, and ends it: with 2 where it was asked wrongly, else with 1. */
export function giveUp(error: unknown): never {
  const isMisuse = error instanceof ConfigError;
  const reasons = isMisuse ? error.faults : [error instanceof Error ? error.message : String(error)];
  // Some libraries set their messages in paragraphs.
  for (const reason of reasons) process.stderr.write(`lifeline: ${reason.replace(/\s+/g, ' ').trim()}\n`);
  process.exit(isMisuse ? MISUSE : 1);
}
