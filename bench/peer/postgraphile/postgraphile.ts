import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, copyFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { NotMeasured } from '../../case.js';
import { POOL_SIZE, start, type Peer } from '../peer.js';

export const FOLDER = path.resolve('node_modules/.cache/lifeline-bench');
const PACKAGES = {
  private: true,
  dependencies: { node: '24', postgraphile: '5' },
  // Fetches the program for this machine, by npm too.
  allowScripts: { node: true },
};

/**
 * Starts PostGraphile 5, once it is installed with a Node that it runs on. The project's own packages stay as they are.
 * @throws NotMeasured where it cannot be installed, with npm's reason.
 */
export async function startPostGraphile(databaseUrl: string): Promise<Peer> {
  const node = path.join(FOLDER, 'node_modules/node/bin/node');
  const isThere = await Promise.all([access(node), access(path.join(FOLDER, 'node_modules/postgraphile'))]).then(
    () => true,
    () => false,
  );
  if (!isThere) await install();
  const server = path.join(FOLDER, 'server.mjs');
  await copyFile('bench/peer/postgraphile/server.mjs', server);
  return start(node, [server, databaseUrl, String(POOL_SIZE)]);
}

async function install(): Promise<void> {
  process.stderr.write(`installing PostGraphile 5 and Node 24 from npm into ${FOLDER}\n`);
  await mkdir(FOLDER, { recursive: true });
  await writeFile(path.join(FOLDER, 'package.json'), JSON.stringify(PACKAGES));
  // Not the Node that npm itself runs on is the one that PostGraphile gets.
  const child = spawn('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: FOLDER,
    shell: process.platform === 'win32',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [complaint, [code]] = (await Promise.all([text(child.stderr), once(child, 'close')])) as [string, [number]];
  if (code !== 0) throw new NotMeasured(`npm could not install PostGraphile: ${complaint.trim().slice(0, 500)}`);
}
