// Runs an embedded PostgreSQL in the folder of the first argument until SIGTERM, and says where: for servers that share one.
import { pino } from 'pino';
import { startEmbedded } from '../dist/database/embedded.js';

const log = pino({ level: 'warn' }, pino.destination(2));
const { url, stop } = await startEmbedded({ dataDir: process.argv[2], log });
process.once('SIGTERM', () => void stop());
console.log(url);
