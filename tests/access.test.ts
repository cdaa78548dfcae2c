import { describe, expect, it } from 'vitest';
import { isOn, needsKeys } from '../src/access.js';
import { ConfigError, readConfig } from '../src/config.js';

const DATABASE_URL = 'postgresql://user:secret@127.0.0.1:5432/lifeline';

function faultsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig({}, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('a key', () => {
  it.each([
    [false, {}],
    [false, { HOST: '::1' }],
    [false, { HOST: 'localhost' }],
    [true, { HOST: '0.0.0.0' }],
    [true, { HOST: '192.168.0.1' }],
    [true, { HOST: '::' }],
    [true, { HOST: '127.0.0.1.example' }],
    [true, { DATABASE_URL }],
    [true, { LIFELINE_AUTH: 'required' }],
    [false, { DATABASE_URL, LIFELINE_AUTH: 'off' }],
  ])('is needed: %s, with %j, and the schema is hidden likewise', (isNeeded, env) => {
    const config = readConfig({}, env);
    expect(needsKeys(config)).toBe(isNeeded);
    expect(isOn(config.introspection, config)).toBe(!isNeeded);
    expect(isOn('on', config)).toBe(true);
    expect(isOn('off', config)).toBe(false);
  });

  it.each(['0.0.0.0', '::', 'lifeline.example'])('cannot be done without at %s', (HOST) => {
    expect(faultsOf({ HOST, LIFELINE_AUTH: 'off' })).toEqual([
      `LIFELINE_AUTH is "off" and HOST is ${HOST}: whoever could reach the server could do everything.`,
    ]);
  });

  it.each(['short', 'x'.repeat(31), `${'x'.repeat(40)} y`, 'x'.repeat(257), 'ä'.repeat(40)])(
    'of the admin is not %j, which is not repeated',
    (key) => {
      const [fault, ...others] = faultsOf({ LIFELINE_ADMIN_KEY: key });
      expect(others).toEqual([]);
      expect(fault).toMatch(/^LIFELINE_ADMIN_KEY is no key/);
      expect(fault).not.toContain(key);
    },
  );

  it('of the admin has no flag: processes are listed with theirs', async () => {
    const { settings } = await import('../src/config.js');
    expect(settings.adminKey.flag).toBeNull();
  });
});

it.each([
  { LIFELINE_JWT_JWKS_URL: 'https://issuer.example/keys' },
  { LIFELINE_JWT_ISSUER: 'a', LIFELINE_JWT_AUDIENCE: 'b' },
])('tokens are not taken by half of what there is to check: %j', (env) => {
  expect(faultsOf(env)).toEqual([
    'LIFELINE_JWT_JWKS_URL, LIFELINE_JWT_ISSUER and LIFELINE_JWT_AUDIENCE belong together: set all or none.',
  ]);
});

it.each([
  ['LIFELINE_CORS_ORIGINS', '*'],
  ['LIFELINE_CORS_ORIGINS', 'https://app.example/'],
  ['LIFELINE_CORS_ORIGINS', 'app.example'],
  ['LIFELINE_CORS_ORIGINS', 'null'],
  ['LIFELINE_ALLOWED_HOSTS', 'a b'],
  ['LIFELINE_ALLOWED_HOSTS', 'a.example:80'],
  ['LIFELINE_TRUST_PROXY', 'proxy.example'],
  ['LIFELINE_TRUST_PROXY', '10.0.0.0/33'],
  ['LIFELINE_TRUST_PROXY', '10.0.0.0/8/8'],
  ['LIFELINE_AUTH', 'none'],
  ['LIFELINE_GRAPHIQL', 'yes'],
  ['LIFELINE_JWT_JWKS_URL', 'file:///keys'],
])('%s is not %j', (variable, text) => {
  expect(faultsOf({ [variable]: text })).toEqual([expect.stringMatching(new RegExp(`^${variable} (is|names)`))]);
});
