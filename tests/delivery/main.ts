// `npm run delivery`: nothing is lost, nothing repeated, nothing out of order, while things die. Ends with 1 where that is
// not so, with 2 where it was asked wrongly.
import { createClient } from '../../src/client/client.js';
import { PingDocument } from '../../src/client/operation.js';
import { giveUp } from '../../src/giveUp.js';
import { readOptions, type Options } from './argument.js';
import { foreignDeployment, startDeployment, type Deployment } from './deployment.js';
import { latencies } from './latency.js';
import { Random } from './random.js';
import { report } from './report.js';
import { runTrial, type Result, type TrialOptions } from './trial.js';

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/** Rejects with the first signal that would end the process: what was started has to be stopped. */
const interrupted = new Promise<never>((_, reject) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => reject(new Error(`ended by ${signal}`)));
});
interrupted.catch(() => undefined);

async function main(options: Options): Promise<boolean> {
  const { urls, key, seed, seconds, servers, writers, subscribers } = options;
  const headers: Record<string, string> = key === null ? {} : { authorization: `Bearer ${key}` };
  const where = urls.length > 0 ? urls.join(' and ') : `${servers} servers of its own`;
  say(`${seconds} s on ${where}: ${writers} writers, ${subscribers} subscribers, --seed ${seed}`);

  const [url = ''] = urls;
  const deployment = url
    ? foreignDeployment(urls, createClient({ url, headers }))
    : await Promise.race([startDeployment(servers), interrupted]);
  let well = false;
  try {
    const result = await Promise.race([trial(options, deployment, headers), interrupted]);
    await tell(result, deployment);
    const failed = result.checks.filter(({ breaches }) => breaches.length > 0).length;
    say(`${result.checks.length - failed} passed, ${failed} failed`);
    return (well = failed === 0);
  } finally {
    const logs = await deployment.stop(!well);
    if (logs) process.stderr.write(`The logs of the servers are in ${logs}\n`);
  }
}

async function trial(options: Options, deployment: Deployment, headers: TrialOptions['headers']): Promise<Result> {
  const { project } = await createClient({ url: deployment.urls()[0] ?? '', headers }).request(PingDocument, {});
  const begunAt = performance.now();
  const tell = (line: string): void =>
    say(`${((performance.now() - begunAt) / 1_000).toFixed(1).padStart(7)} s  ${line}`);
  const random = new Random(options.seed);
  return runTrial({ ...options, deployment, headers, from: project.logPosition, random, tell });
}

async function tell(result: Result, deployment: Deployment): Promise<void> {
  const commits = await deployment.commits();
  const begins = commits ?? sendings(result);
  const since = commits ? 'commit' : 'sent';
  const lines = report(result, { latencies: latencies(result.subscribers, begins, result.history), since, begins });
  say(['', ...lines].join('\n'));
}

/** When the events were sent that were acknowledged at once, for whoever does not know when they were committed. */
function sendings({ ledger, begunAt }: Result): Map<number, number> {
  return new Map(
    ledger.claims.flatMap(({ position, retried, sentAt }) =>
      position === undefined || retried ? [] : [[position, begunAt + sentAt]],
    ),
  );
}

await main(readOptions(process.argv)).then((well) => process.exit(well ? 0 : 1), giveUp);
