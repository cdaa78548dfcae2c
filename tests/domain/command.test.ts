import { expect, it } from 'vitest';
import { COMMAND_SOURCES } from '../../src/domain/command.js';

it('knows the two sources of a command', () => {
  expect(COMMAND_SOURCES).toEqual(['AUTO', 'EXPLICIT']);
});
