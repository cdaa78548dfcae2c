import { Command, InvalidArgumentError } from 'commander';
import { several } from '../../src/commands/argument.js';

export interface Options {
  readonly seconds: number;
  readonly seed: number;
  /** The servers of somebody's own deployment; none: one is started for the trial. */
  readonly urls: readonly string[];
  readonly key: string | null;
  readonly servers: number;
  readonly writers: number;
  readonly subscribers: number;
}

const MISUSE = 2;
/** A server gives one caller 1,000 subscriptions, and all may come to the same one; some are for what the trial has besides. */
const MOST_SUBSCRIBERS = 900;

interface Flags extends Omit<Options, 'urls' | 'key' | 'seed'> {
  seed?: number;
  url?: string[];
  key?: string;
}

/** Reads the arguments. Where they are wrong it says what is allowed, and the process ends with 2. */
export function readOptions(argv: readonly string[]): Options {
  const command = new Command('npm run delivery --')
    .description(
      'Proves that nothing is lost, repeated or out of order while things die: writers and subscribers, faults at random, ' +
        'and at the end each subscriber’s list compared with the log.',
    )
    .option('--seconds <number>', 'for how long there are faults', between(5, 86_400), 60)
    .option('--seed <number>', 'which faults, and in which order; drawn where it is absent', between(0, 2 ** 32 - 1))
    .option(
      '--url <url>',
      'a server of a deployment of yours, several times for several; else one is started',
      endpoints,
    )
    .option('--key <key>', 'the key to send to it')
    .option('--servers <number>', 'how many servers are started, where no --url is given', between(1, 16), 3)
    .option('--writers <number>', 'how many write at once', between(1, 200), 6)
    .option('--subscribers <number>', 'how many subscribe', between(1, MOST_SUBSCRIBERS), 33)
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : MISUSE))
    .parse(argv);
  const { url: urls = [], key = null, ...flags } = command.opts<Flags>();
  if (urls.length > 0 && command.getOptionValueSource('servers') === 'cli') {
    command.error('error: --servers is for servers that are started here: with --url it is not allowed');
  }
  if (urls.length === 0 && key !== null) command.error('error: --key goes with --url');
  return { ...flags, seed: flags.seed ?? Math.floor(Math.random() * 2 ** 32), urls, key };
}

function between(least: number, most: number) {
  return (text: string): number => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`);
  };
}

function endpoints(text: string, before?: readonly string[]): string[] {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('It is the URL of a server, such as http://127.0.0.1:4000/graphql.');
  }
  if (url.pathname === '/') url.pathname = '/graphql';
  return several(url.href, before);
}
