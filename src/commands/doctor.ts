import type { Command } from 'commander';
import { pino } from 'pino';
import { ConfigError, readConfig, settings, type Config, type Flags } from '../config.js';
import { openDatabase } from '../database/client.js';
import { findEmbedded, startEmbedded } from '../database/embedded.js';
import { missingGuards } from '../database/guard.js';
import { audit, BREACHES_MAX, type Audited } from '../store/audit.js';
import { examineBus, examineDatabase, examineFolder, examinePort, reasonOf } from './examine.js';
import { fail, hasFailed, judgeNode, ok, type Finding, type Verdict } from './finding.js';
import { cell, painted, say, sayJson, type Style } from './print.js';
import { addSettings } from './setting.js';

type Options = Flags & { invariants: boolean; json: boolean };

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('say whether a server could do its work here, and what to do where it could not; changes nothing');
  addSettings(command, Object.keys(settings) as (keyof Config)[])
    .option('--invariants', 'look over all data for what may never be, instead', false)
    .option('--json', 'as one JSON document', false)
    .action(run);
}

async function run({ invariants, json, ...flags }: Options): Promise<void> {
  const findings = await examine(flags, invariants);
  const failed = hasFailed(findings);
  await (json ? sayJson({ status: failed ? 'fail' : 'ok', findings }) : sayFindings(findings));
  process.exitCode = failed ? 1 : 0;
}

async function examine(flags: Flags, invariants: boolean): Promise<Finding[]> {
  const node = judgeNode(process.versions.node);
  let config: Config;
  try {
    config = readConfig(flags);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [
      node,
      ...error.faults.map((fault) => fail('configuration', fault, 'Nothing else can be looked at before.')),
    ];
  }
  if (invariants) return withDatabase(config, examineData);
  const [database, bus, port] = await Promise.all([
    withDatabase(config, (url) => examineDatabase(url, config)),
    examineBus(config),
    examinePort(config),
  ]);
  return [ok('configuration', 'no fault'), node, ...database, bus, port];
}

/** Has the database looked at: an embedded one is started for it, unless a server has it or there is none yet. */
async function withDatabase(config: Config, look: (url: string) => Promise<Finding[]>): Promise<Finding[]> {
  const { databaseUrl, dataDir } = config;
  if (databaseUrl !== null) return look(databaseUrl);
  const folder = await examineFolder(dataDir);
  if (hasFailed(folder)) return folder;
  try {
    const embedded = await findEmbedded(dataDir);
    if (embedded === null) return [...folder, ok('database', 'an embedded one will be made at the first start')];
    if (embedded.url !== null) return [...folder, ...(await look(embedded.url))];
    const started = await startEmbedded({ dataDir, log: pino({ level: 'silent' }) });
    try {
      return [...folder, ...(await look(started.url))];
    } finally {
      await started.stop();
    }
  } catch (error) {
    return [...folder, fail('database', reasonOf(error), 'The embedded database has to start before a server can.')];
  }
}

async function examineData(url: string): Promise<Finding[]> {
  const database = openDatabase(url);
  try {
    const missing = await missingGuards(url);
    const guards =
      missing.length === 0 ? ok('guards', GUARDS) : fail('guards', `missing or off: ${missing.join(', ')}`, RESTORE);
    return [guards, ...(await audit(database)).map(findingOf)];
  } catch (error) {
    return [
      fail('database', reasonOf(error), 'The data could not be looked over to the end: `lifeline doctor` may say why.'),
    ];
  } finally {
    await database.close();
  }
}

const GUARDS = 'Every index, constraint and trigger by which PostgreSQL refuses a breach is there and on.';
const RESTORE = 'Compare with a database that `lifeline migrate` made, and put back what is missing.';
const KEEP =
  'Keep a dump of the database as it is, and report it: this is a fault of Lifeline, or of a hand in its tables.';

function findingOf({ name, rule, breaches }: Audited): Finding {
  if (breaches.length === 0) return ok(name, rule);
  const shown = breaches.map(({ projectId, subject, found }) => `${subject} (${found}, project ${projectId})`);
  const more = breaches.length < BREACHES_MAX ? '' : ', and perhaps more';
  return fail(name, `${rule} Not so: ${shown.join('; ')}${more}`, KEEP);
}

const STYLES = { ok: 'green', warn: 'yellow', fail: 'red' } as const satisfies Record<Verdict, Style>;

function sayFindings(findings: readonly Finding[]): Promise<void> {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, verdict, found, advice }) => [
    `${painted(verdict.padEnd(4), STYLES[verdict])}  ${check.padEnd(width)}  ${cell(found).text}`,
    ...(advice === null ? [] : [`${' '.repeat(width + 8)}→ ${advice}`]),
  ]);
  return say(lines.join('\n'));
}
