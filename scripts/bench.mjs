// `node scripts/bench.mjs NAME`: runs bench/NAME.ts against what is built from src.
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepare } from './prepare.mjs';
import { ifProgram, root } from './project.mjs';

/** What is measured is what users run: nothing of src gets into the benchmark itself. */
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
  const [name] = process.argv.slice(2);
  await prepare();
  // Not before there are packages.
  const { build } = await import('esbuild');
  // Beside the packages, so that it finds them.
  const outfile = path.join(root, 'node_modules/.cache/lifeline/bench', `${name}.mjs`);
  await build({
    absWorkingDir: root,
    entryPoints: [`bench/${name}.ts`],
    bundle: true,
    packages: 'external',
    plugins: [builtSources],
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    outfile,
  });
  await import(pathToFileURL(outfile).href);
});
