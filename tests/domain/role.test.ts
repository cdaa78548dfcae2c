import { expect, it } from 'vitest';
import { includes, ROLES } from '../../src/domain/role.js';

it('each role may do what those before it may, and no more', () => {
  const table = ROLES.map((role) => ROLES.filter((required) => includes(role, required)));
  expect(table).toEqual([['OBSERVER'], ['OBSERVER', 'AGENT'], ['OBSERVER', 'AGENT', 'ADMIN']]);
});
