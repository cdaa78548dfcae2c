// Operations that are not quite: what was valid, with something in it that does not belong there.
import type { Operation } from '../support/wire.js';
import type { Chance } from './chance.js';

const STRAY = [
  '{',
  '}',
  '(',
  ')',
  '$',
  '"',
  '"""',
  '@skip',
  '...',
  ':',
  '!',
  '\u0000',
  '\ud800',
  '💥',
  'null',
  '-1e999',
  '#',
];
const VALUES = [
  null,
  true,
  -1,
  2 ** 60,
  Number.MAX_VALUE,
  'x'.repeat(5_000),
  '\u0000',
  [],
  [[[]]],
  {},
  { __proto__: null, a: {} },
];

/** The operation, broken in one way or another; the answer is a refusal, or what a lucky change asks for. */
export function broken({ query, variables = {} }: Operation, chance: Chance): Operation {
  const at = chance.below(query.length + 1);
  switch (chance.below(7)) {
    case 0:
      return { query: query.slice(0, at), variables };
    case 1:
      return { query: query.slice(0, at) + chance.pick(STRAY) + query.slice(at), variables };
    case 2:
      return { query: query.slice(0, at) + query.slice(at + 1 + chance.below(8)), variables };
    case 3:
      return { query: query.replaceAll(/\bf0: \w+/g, 'f0: noSuchField'), variables };
    case 4:
      return { query: `${query} ${query}`, variables };
    case 5:
      return { query: `query { ${'a { '.repeat(chance.below(3_000))}`, variables };
    default: {
      const names = Object.keys(variables);
      const name = names.length > 0 ? chance.pick(names) : 'v0';
      return { query, variables: { ...variables, [name]: chance.pick(VALUES) } };
    }
  }
}
