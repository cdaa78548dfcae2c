import { pino, type DestinationStream, type Logger } from 'pino';
import { redactText } from './domain/redaction.js';
import { REDACTED } from './domain/secret.js';

/** To stderr, at once: a process that exits loses nothing of it. */
export function logTo(level: string): Logger {
  return loggerTo(level, pino.destination({ dest: 2, sync: true }));
}

/** Lines of JSON, out of which whatever has the shape of a secret is taken: libraries repeat URLs and headers in their errors. */
export function loggerTo(level: string, destination: DestinationStream): Logger {
  return pino({ level, redact: SECRETS, hooks: { streamWrite: (line) => redactText(line).text } }, destination);
}

const NAMED = ['authorization', 'cookie', 'password', 'token', 'secret', 'apiKey'];
const SECRETS = { paths: NAMED.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: REDACTED };
