import { Option, type Command } from 'commander';
import { ClientError, ConnectionError, createClient, type Client } from '../client/client.js';
import { PingDocument } from '../client/operation.js';
import { ConfigError, settings } from '../config.js';

const DEFAULT_URL = `http://${settings.host.fallback}:${settings.port.fallback}/graphql`;

/** Which server a command asks, and in whose name. */
export interface Endpoint {
  url: string;
  key?: string;
  project?: string;
}

/** Gives the command the flags of an endpoint; its action finds them by these names. */
export function addEndpoint(command: Command): Command {
  return command
    .option('--url <url>', 'the GraphQL endpoint of the server', DEFAULT_URL)
    .addOption(new Option('--key <key>', 'the key to ask with; others may see flags').env('LIFELINE_KEY'))
    .addOption(new Option('--project <slug>', "for the server's admin: in which project").env('LIFELINE_PROJECT'));
}

/** A server that has just answered. */
export interface Connection {
  client: Client;
  /** How far its log had grown. */
  position: number;
}

/**
 * A client of the server at this endpoint, whose URL may be without the path.
 * @throws ConfigError where it is none, or an Error that says what to do where no server answers or lets the key in.
 */
export async function connect({ url, key, project }: Endpoint): Promise<Connection> {
  const headers = {
    ...(key && { authorization: `Bearer ${printable('--key', key)}` }),
    ...(project && { 'x-lifeline-project': printable('--project', project) }),
  };
  const client = createClient({ url: endpoint(url), headers });
  try {
    const { project } = await client.request(PingDocument, {});
    return { client, position: project.logPosition };
  } catch (error) {
    if (error instanceof ClientError && error.code === 'UNAUTHENTICATED') {
      throw new Error('The server asks for a key that is good: name yours by LIFELINE_KEY or --key.', { cause: error });
    }
    // Most often the server is not there because nobody has started it.
    if (!(error instanceof ConnectionError)) throw error;
    throw new Error(`${error.message} Is this where the server is? \`npm start\` starts one.`, { cause: error });
  }
}

function endpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (!url || !['http:', 'https:'].includes(url.protocol)) {
    throw new ConfigError([`--url is "${text}", which is no URL of a server: ${DEFAULT_URL} would be one.`]);
  }
  if (url.pathname === '/') url.pathname = '/graphql';
  return url.href;
}

/** The text itself is never told: it may be a key. */
function printable(flag: string, text: string): string {
  if (/^[!-~]+$/.test(text)) return text;
  throw new ConfigError([`${flag} holds what cannot be sent: only visible ASCII characters can.`]);
}
