import { parse, visit, type ASTNode, type NameNode, type StringValueNode } from 'graphql';
import { describe, expect, it } from 'vitest';
import { importsOf, readSource, resolveImport, sourceFiles } from './support/source.js';

// What each room may import: a room, a single file of one, or (with `type`) nothing that is left when compiled. What stands
// in src itself, and the commands, put the rooms together and see all of them.
const MAY_IMPORT: Record<string, string[]> = {
  domain: ['domain'],
  database: ['domain', 'database'],
  bus: ['domain', 'bus'],
  store: ['domain', 'store', 'database/client', 'type bus'],
  graphql: ['domain', 'store', 'graphql'],
  workers: ['domain', 'store', 'workers'],
  server: ['domain', 'type store', 'graphql', 'server'],
  client: ['domain', 'client'],
  import: ['domain', 'client', 'import'],
};
const SEES_ALL = /^src\/(commands\/)?\w+\.ts$/;
const MAY_IMPORT_GENERATED = /^src\/(database\/(client|model)|graphql\/builder|client\/\w+)\.ts$/;

const MOST_LINES = 400;
const SAYS_NOTHING = /^(util|helper|common|type|service|manager|index)s?$/i;

const sources = sourceFiles('src');
const everything = [...sources, ...sourceFiles('tests'), ...sourceFiles('bench'), ...sourceFiles('scripts')];

/** Imports between our own files, without the endings of the files that are imported. */
const imports = sources.flatMap((from) =>
  importsOf(readSource(from)).flatMap(({ specifier, typeOnly }) => {
    const to = resolveImport(from, specifier);
    return to === null ? [] : [{ from, to, typeOnly }];
  }),
);

describe('the rooms', () => {
  it('are all in the table', () => {
    const rooms = new Set(sources.filter((path) => !SEES_ALL.test(path)).map((path) => path.split('/')[1]));
    expect([...rooms].filter((room = '') => !(room in MAY_IMPORT))).toEqual([]);
  });

  it('import only what the table lets them', () => {
    const breaches = imports.filter(({ from, to, typeOnly }) => {
      if (SEES_ALL.test(from) || to.startsWith('src/generated/')) return false;
      const [, room = '', file = ''] = to.split('/');
      const allowed = MAY_IMPORT[from.split('/')[1]!] ?? [];
      return (
        !allowed.includes(room) &&
        !allowed.includes(`${room}/${file}`) &&
        !(typeOnly && allowed.includes(`type ${room}`))
      );
    });
    expect(breaches).toEqual([]);
  });

  it('leave generated code to those that wrap it', () => {
    const breaches = imports.filter(
      ({ from, to }) => to.startsWith('src/generated/') && !MAY_IMPORT_GENERATED.test(from),
    );
    expect(breaches).toEqual([]);
  });

  it('have no circle of imports', () => {
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (file: string, path: string[]): void => {
      if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
      if (path.includes(file) || done.has(file)) return;
      for (const { from, to } of imports) if (from === `${file}.ts`) walk(to, [...path, file]);
      done.add(file);
    };
    for (const path of sources) walk(path.replace(/\.ts$/, ''), []);
    expect(circles).toEqual([]);
  });

  it('are read in every way that an import can be written', () => {
    const text = `
      import a, { b } from './one.js';
      import type { c } from './two.js';
      import './three.js';
      export * from './four.js';
      export type { d } from './five.js';
      const e = await import('./six.js');
      type F = import('./seven.js').F;`;
    const types = { './two.js': true, './five.js': true, './seven.js': true };
    expect(importsOf(text)).toEqual(
      ['./one.js', './two.js', './three.js', './four.js', './five.js', './six.js', './seven.js'].map((specifier) => ({
        specifier,
        typeOnly: specifier in types,
      })),
    );
  });
});

describe('every file', () => {
  it(`has at most ${MOST_LINES} lines`, () => {
    expect(everything.filter((path) => readSource(path).trimEnd().split('\n').length > MOST_LINES)).toEqual([]);
  });

  it('has a name that says what is in it, in lower camel case', () => {
    const names = everything.map((path) =>
      path
        .split('/')
        .at(-1)!
        .replace(/(\.test)?\.\w+$/, ''),
    );
    expect(names.filter((name) => SAYS_NOTHING.test(name) || !/^[a-z][A-Za-z0-9]*$/.test(name))).toEqual([]);
  });

  it('gets the environment from src/config.ts, and tells libraries of it in src/production.ts', () => {
    const readers = sources.filter((path) => /\bprocess\.env\b|from '(node:)?process'/.test(readSource(path)));
    expect(readers).toEqual(['src/config.ts', 'src/production.ts']);
  });
});

describe('the schema', () => {
  /** The paths of what has no description, as `Type.field.argument`. */
  function undescribed(sdl: string): string[] {
    const missing: string[] = [];
    const path: string[] = [];
    visit(parse(sdl), {
      enter(node) {
        if (!isNamedDefinition(node)) return;
        path.push(node.name.value);
        if (!node.description?.value.trim()) missing.push(path.join('.'));
      },
      leave(node) {
        if (isNamedDefinition(node)) path.pop();
      },
    });
    return missing;
  }

  interface NamedDefinition {
    name: NameNode;
    description?: StringValueNode;
  }
  const isNamedDefinition = (node: ASTNode): node is ASTNode & NamedDefinition =>
    node.kind.endsWith('Definition') && 'name' in node;

  it('describes every type, field, argument, value and input', () => {
    expect(undescribed(readSource('schema.graphql'))).toEqual([]);
  });

  it('is seen in all its parts when it is read for descriptions', () => {
    const sdl =
      'schema { query: A } "A" type A { b(c: Int): Int "D" d: Int } enum E { F } input G { "H" h: Int } scalar I';
    expect(undescribed(sdl)).toEqual(['A.b', 'A.b.c', 'E', 'E.F', 'G', 'I']);
  });
});
