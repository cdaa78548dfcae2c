// Compiles src to dist, file by file, so that both trees look alike. With --watch: again after every change, with a server
// on it that restarts.
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { context } from 'esbuild';
import { root } from './project.mjs';

const dist = path.join(root, 'dist');

// What has been deleted in src must not live on in dist.
await rm(dist, { recursive: true, force: true });

const compiler = await context({
  absWorkingDir: root,
  entryPoints: ['src/**/*.ts'],
  outbase: 'src',
  outdir: dist,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  sourcemap: true,
  logLevel: 'warning',
});
await compiler.rebuild();

if (process.argv.includes('--watch')) {
  await compiler.watch();
  const server = spawn(process.execPath, ['--watch', '--enable-source-maps', 'dist/main.js'], {
    cwd: root,
    stdio: 'inherit',
  });
  server.on('exit', (code) => process.exit(code ?? 1));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill(signal));
} else {
  await compiler.dispose();
}
