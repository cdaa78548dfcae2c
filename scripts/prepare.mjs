// Brings everything that a command needs up to date, and does nothing where it is: packages, generated code, dist.
// Plain JavaScript that needs no package, because it runs before there are any.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { installPackages, packagesAreCurrent } from './packages.mjs';
import { filesUnder, ifProgram, root, runQuietly } from './project.mjs';

/** Each step makes `products` from `sources`; a later step may read what an earlier one makes. */
const steps = [
  {
    name: 'the database client',
    sources: ['prisma/schema.prisma', 'prisma.config.ts'],
    products: ['src/generated/prisma/client.ts', 'src/generated/pothos.ts'],
    make: () => runQuietly('node_modules/prisma/build/index.js', 'generate'),
  },
  {
    name: 'the typed documents',
    sources: ['schema.graphql', 'codegen.ts', 'src/client'],
    products: ['src/generated/client/graphql.ts'],
    make: () => runQuietly('node_modules/@graphql-codegen/cli/esm/bin.js', '--config', 'codegen.ts'),
  },
  {
    name: 'dist',
    sources: ['src'],
    products: ['dist/main.js', 'dist/cli.js'],
    make: () => runQuietly('scripts/build.mjs'),
  },
];

// What each step was last made from. Contents are compared and not times: a checkout or a copy gives files any time.
// Installing the packages anew removes it, and so makes everything anew.
const recordFile = path.join(root, 'node_modules/.cache/lifeline/prepared.json');

/** Resolves when all is up to date. Tells on stderr what it does; rejects with what went wrong. */
export async function prepare() {
  if (!packagesAreCurrent()) {
    say('installing the packages (npm ci)');
    await installPackages();
  }
  const record = existsSync(recordFile) ? JSON.parse(readFileSync(recordFile, 'utf8')) : {};
  for (const { name, sources, products, make } of steps) {
    const sum = checksum([...sources, 'package-lock.json']);
    if (record[name] === sum && products.every((product) => existsSync(path.join(root, product)))) continue;
    say(`making ${name}`);
    await make();
    record[name] = sum;
    mkdirSync(path.dirname(recordFile), { recursive: true });
    writeFileSync(recordFile, JSON.stringify(record, null, 2));
  }
}

function checksum(sources) {
  const hash = createHash('sha1');
  for (const source of sources) {
    const files = path.extname(source) ? [source] : filesUnder(source).map((file) => path.join(source, file));
    for (const file of files) hash.update(`${file}\0`).update(readFileSync(path.join(root, file)));
  }
  return hash.digest('hex');
}

function say(what) {
  console.error(`lifeline: ${what}`);
}

await ifProgram(import.meta.url, prepare);
