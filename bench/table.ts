import { appendCases } from './append.js';
import type { Case } from './case.js';
import { checkpointCases } from './checkpoint.js';
import { fanoutCases } from './fanout.js';
import { heartbeatCases } from './heartbeat.js';
import { latencyCases } from './latency.js';
import { readCases } from './read.js';
import { resumeCases } from './resume.js';
import { startCases } from './start.js';
import { transitionCases } from './transition.js';
import { watchdogCases } from './watchdog.js';

/** All that is measured, in the order of the table. */
export const cases: readonly Case[] = [
  ...readCases,
  ...heartbeatCases,
  ...transitionCases,
  ...appendCases,
  ...checkpointCases,
  ...fanoutCases,
  ...latencyCases,
  ...resumeCases,
  ...watchdogCases,
  ...startCases,
];
