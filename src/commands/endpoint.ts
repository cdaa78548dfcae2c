import type { Command } from 'commander';
import { ConnectionError, createClient, type Client } from '../client/client.js';
import { PingDocument } from '../client/operation.js';
import { ConfigError, settings } from '../config.js';

const DEFAULT_URL = `http://${settings.host.fallback}:${settings.port.fallback}/graphql`;

/** Gives the command the flag that says which server it asks; its action finds it as `url`. */
export function addUrl(command: Command): Command {
  return command.option('--url <url>', 'the GraphQL endpoint of the server', DEFAULT_URL);
}

/** A server that has just answered. */
export interface Connection {
  client: Client;
  /** How far its log had grown. */
  position: number;
}

/**
 * A client of the server at this URL, which may be without the path.
 * @throws ConfigError where it is no URL of a server, or an Error that says what to do where none answers.
 */
export async function connect(url: string): Promise<Connection> {
  const client = createClient({ url: endpoint(url) });
  try {
    const { project } = await client.request(PingDocument, {});
    return { client, position: project.logPosition };
  } catch (error) {
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
