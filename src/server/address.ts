import type { IncomingMessage } from 'node:http';
import { isIP, type BlockList } from 'node:net';

/**
 * The address of whoever sent a request: the peer's own, or what proxies that are trusted say of theirs. Anybody can write an
 * `x-forwarded-for`, so it is read from its end, and no further than the first address that is not trusted.
 */
export function addressOf({ socket, headers }: IncomingMessage, trusted: BlockList): string {
  const told = headers['x-forwarded-for']?.toString().split(',') ?? [];
  let address = plain(socket.remoteAddress ?? '');
  while (told.length > 0 && isTrusted(address, trusted)) {
    const before = plain(told.pop()?.trim() ?? '');
    if (!isIP(before)) break;
    address = before;
  }
  return address;
}

function isTrusted(address: string, trusted: BlockList): boolean {
  const version = isIP(address);
  return version !== 0 && trusted.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

/** IPv4 as such, also where it comes over IPv6. */
const plain = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/i, '');
