// `node scripts/run.mjs FILE …`: runs a TypeScript program of the project, a benchmark say, against what is built from src.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';
import { ifProgram, root } from './project.mjs';

/** What is looked at is what users run: nothing of src gets into the program itself. */
const builtSources = {
  name: 'built sources',
  setup(build) {
    build.onResolve({ filter: /\/src\// }, ({ path: specifier }) => {
      const file = path.join(root, 'dist', specifier.replace(/^.*\/src\//, ''));
      return { path: pathToFileURL(file).href, external: true };
    });
  },
};

await ifProgram(import.meta.url, async () => {
  const [node, , file, ...args] = process.argv;
  await prepare();
  // Not before there are packages.
  const { build } = await import('esbuild');
  // Beside the packages, so that it finds them.
  const outdir = path.join(root, 'node_modules/.cache/lifeline', path.dirname(file));
  const program = path.join(outdir, path.basename(file).replace(/\.ts$/, '.mjs'));
  await build({
    absWorkingDir: root,
    entryPoints: [file],
    bundle: true,
    packages: 'external',
    plugins: [builtSources],
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    sourcemap: 'inline',
    // What is imported only where it is needed is loaded only then.
    splitting: true,
    outdir,
    outExtension: { '.js': '.mjs' },
  });
  process.argv = [node, program, ...args];
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(program).href);
});
