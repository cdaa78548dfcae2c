// How the first admin of a server that needs keys gets one: told once, by a real process.
import { describe, expect, it } from 'vitest';
import { asks, bearer } from './support/credential.js';
import { createDatabase } from './support/postgres.js';
import { run, serve, type Ended } from './support/program.js';
import { send } from './support/wire.js';

const VIEWER = { query: '{ viewer { serverAdmin } }' };
const SHOWN = /^The admin key of this server, shown this once: (llk_\S+)$/m;
const ADMIN = { result: { data: { viewer: { serverAdmin: true } } } };

type Server = Awaited<ReturnType<typeof serve>>;

async function ended({ process, ended: end }: Server): Promise<Ended> {
  process.kill('SIGTERM');
  return end;
}

describe('a server that needs keys', () => {
  it('shows the admin key once, however many start at once, and it is good on all and after', async () => {
    await using database = await createDatabase();
    const env = { DATABASE_URL: database.url, LIFELINE_AUTH: 'auto' };
    const servers = await Promise.all([serve(env), serve(env)]);
    // The line follows the one by which the server is known to be ready.
    const outputs = await Promise.all(servers.map(ended));
    const keys = outputs.flatMap(({ stdout }) => SHOWN.exec(stdout)?.[1] ?? []);
    expect(keys).toHaveLength(1);
    for (const { stderr } of outputs) expect(stderr).not.toContain('llk_');

    await using again = await serve(env);
    expect(await asks.HTTP(again.url, VIEWER, bearer(keys[0]!))).toEqual(ADMIN);
    expect(await asks.HTTP(again.url, VIEWER, {})).toEqual({ refused: 401 });
    expect(await ended(again)).toMatchObject({ code: 0, stdout: `Lifeline is ready at ${again.url}\n` });
  });

  it('takes LIFELINE_ADMIN_KEY instead, and shows and stores none', async () => {
    await using database = await createDatabase();
    const key = 'an-admin-key-of-this-very-test-0123456789';
    await using server = await serve({ DATABASE_URL: database.url, LIFELINE_AUTH: 'auto', LIFELINE_ADMIN_KEY: key });
    expect(await asks.HTTP(server.url, VIEWER, bearer(key))).toEqual(ADMIN);
    const { stdout, stderr } = await ended(server);
    expect(stdout).toBe(`Lifeline is ready at ${server.url}\n`);
    expect(stderr).not.toContain(key);
  });
});

it.each(['::1', '::'])('the address %s stands in brackets in the URL, as a client needs it', async (host) => {
  await using database = await createDatabase();
  const env = { DATABASE_URL: database.url, LIFELINE_AUTH: 'required', HOST: host };
  await using server = await serve(env);
  expect(server.url).toMatch(/^http:\/\/\[::1?\]:\d+\/graphql$/);
  expect(await send(new URL('/health/live', server.url).href)).toMatchObject({ status: 200 });
});

it('a server cannot be open to a network without keys', async () => {
  expect(await run(['serve'], { HOST: '0.0.0.0', LIFELINE_AUTH: 'off' })).toMatchObject({ code: 2, stdout: '' });
});
