// How much one caller may ask for: the part of the configuration that keeps one from taking what is there for all.
import type { Allowance } from './server/limits.js';
import { Fault, type Setting } from './setting.js';

const MOST = 10_000_000;

export const allowanceSettings: { readonly [Name in keyof Allowance]: Setting<Allowance[Name]> } = {
  ratePerSecond: atMost(
    'LIFELINE_RATE_PER_SECOND',
    '--rate-per-second',
    'operations that a caller may begin in a second; after a pause, those of 5 s at once',
    1_000,
  ),
  maxCost: atMost('LIFELINE_MAX_COST', '--max-cost', 'what an operation may cost, as counted under Limits', 25_000),
  maxSubscriptions: atMost(
    'LIFELINE_MAX_SUBSCRIPTIONS',
    '--max-subscriptions',
    'subscriptions that a caller may have open',
    1_000,
  ),
  maxSocketSubscriptions: atMost(
    'LIFELINE_MAX_SUBSCRIPTIONS_PER_SOCKET',
    '--max-subscriptions-per-socket',
    'subscriptions that one WebSocket may carry',
    500,
  ),
  maxSockets: atMost('LIFELINE_MAX_SOCKETS', '--max-sockets', 'WebSockets that a caller may have open', 1_000),
  maxAddressSockets: atMost(
    'LIFELINE_MAX_SOCKETS_PER_ADDRESS',
    '--max-sockets-per-address',
    'WebSockets that may come from one address',
    2_000,
  ),
};

function atMost(variable: string, flag: string, meaning: string, most: number): Setting<number> {
  return { variable, flag: `${flag} <number>`, meaning, fallback: String(most), parse: count };
}

function count(text: string): number {
  if (/^[1-9]\d{0,7}$/.test(text) && Number(text) <= MOST) return Number(text);
  throw new Fault(`is "${text}", which is no limit: a whole number from 1 to ${MOST} is.`);
}
