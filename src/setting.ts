// How a value of the configuration is written, and what is said of one that cannot be used.
import { BlockList, isIP } from 'node:net';

export interface Setting<T> {
  readonly variable: string;
  /** null for what must not be seen in a list of processes, and for what others read from the environment. */
  readonly flag: string | null;
  readonly meaning: string;
  /** Stands for an absent or empty value; empty where there is none. */
  readonly fallback: string;
  /** Throws a Fault, which goes on after the name of the variable or flag. */
  readonly parse: (text: string) => T;
}

export class Fault extends Error {}

export function oneOf<Choice extends string>(text: string, choices: readonly Choice[]): Choice {
  const choice = choices.find((known) => known === text);
  if (choice !== undefined) return choice;
  throw new Fault(`is "${text}"; it can be ${choices.join(', ')}.`);
}

/** The text itself is never told: it may hold a password. */
export function optionalUrl(text: string, protocols: readonly string[]): string | null {
  if (text === '') return null;
  const begins = protocols.some((protocol) => text.startsWith(`${protocol}://`));
  // A cluster's URL names several hosts, which no URL parser reads.
  const [first = ''] = text.split(',');
  if (begins && URL.canParse(first) && new URL(first).hostname !== '') return text;
  throw new Fault(`is no URL of the form ${protocols.map((protocol) => `${protocol}://host`).join(' or ')}.`);
}

/** The parts between commas, each as `part` takes it. */
export function listOf<Part>(text: string, part: (text: string) => Part): Part[] {
  return text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
    .map(part);
}

/** An origin as browsers tell it. */
export function origin(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text) && new URL(text).origin === text.toLowerCase())
    return text.toLowerCase();
  throw new Fault(`names "${text}", which is no origin: https://app.example would be one.`);
}

/** A name without a port. */
export function hostName(text: string): string {
  if (/^[\w.-]{1,253}$|^\[[\da-f:.]+\]$/i.test(text)) return text.toLowerCase();
  throw new Fault(`names "${text}", which is no host name: lifeline.example would be one.`);
}

/** An address, or a network as 10.0.0.0/8. */
export function network(text: string): string {
  const [address = '', bits, ...rest] = text.split('/');
  const version = isIP(address);
  const most = version === 6 ? 128 : 32;
  if (version && rest.length === 0 && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= most)))
    return text;
  throw new Fault(`names "${text}", which is no address and no network: 10.0.0.0/8 would be one.`);
}

/** Addresses and networks that `network` has let through, to look addresses up in. */
export function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const text of networks) {
    const [address = '', bits] = text.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
