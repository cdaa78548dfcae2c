// Two projects on one server. Whatever the schema lets a caller name is tried with names of the other project: the answer is
// that for a name that nobody has ever used, nothing of the other project is in it, and nothing there changes.
import { isObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { encodeId, newId, type IdType } from '../../src/domain/id.js';
import { buildSchema } from '../../src/graphql/schema.js';
import { startApp } from '../support/app.js';
import { asks, bearer, headersOf, socketClient } from '../support/credential.js';
import type { Data } from '../support/graphql.js';
import { rootFields, type RootField } from '../support/operation.js';
import { operationAt, placesOf, type Place } from '../support/place.js';
import { createDatabase, type TestDatabase } from '../support/postgres.js';
import { ID_TYPES, instanceOf, Tenant } from '../support/tenant.js';
import { open, posted } from '../support/wire.js';

const ADMIN_KEY = 'an-admin-key-of-this-very-test-0123456789';
const THEIRS = 'theirs';
const NOBODYS = 'nobody';

/** What an argument or a field of this name holds an id of. */
const NAMED: Readonly<Record<string, IdType>> = {
  approvalId: 'Approval',
  causeId: 'Event',
  chainRootId: 'Session',
  checkpointId: 'Checkpoint',
  conversationId: 'Conversation',
  coordinatorSessionId: 'Session',
  handoffId: 'Handoff',
  parentId: 'Session',
  runId: 'Run',
  sessionId: 'Session',
  sessionIds: 'Session',
  signalIds: 'Signal',
  spawnedById: 'Session',
};
/** The same for those that are called no more than `id` or `ids`, by what they stand in. */
const WITHIN: Readonly<Record<string, readonly IdType[]>> = {
  ConversationRef: ['Conversation'],
  RevokeApiKeyInput: ['ApiKey'],
  SessionRef: ['Session'],
  'Query.node': ID_TYPES,
  'Query.nodes': ID_TYPES,
  'Query.run': ['Run'],
  'Subscription.run': ['Run'],
  'Subscription.session': ['Session'],
};

/** What the least would not be taken for, or would come to nothing. */
const SENSIBLE: Readonly<Record<string, unknown>> = {
  'EventInput.type': 'PROGRESS',
  'PurgeSessionsInput.force': true,
};

interface Case {
  readonly title: string;
  readonly field: RootField;
  readonly place: Place;
}

const schema = buildSchema();
const fields = rootFields(schema);
const cases: Case[] = fields.flatMap((field) =>
  placesOf(field).map((place) => ({ title: `${field.root}.${field.name} ${place.path.join('.')}`, field, place })),
);
const isSubscription = ({ field: { root } }: Case) => root === 'Subscription';
const isMutation = ({ field: { root } }: Case) => root === 'Mutation';
const isCursor = ({ field: { root }, place: { path, scalar } }: Case) =>
  root === 'Query' && scalar === 'String' && ['after', 'before'].includes(path.join());
const byId = cases.filter(({ place }) => place.scalar === 'ID');
/** Without the filters of subscriptions, which leave nothing to be answered. */
const rootIds = byId.filter((it) => !isSubscription(it) || it.place.input === null);
const byText = cases.filter((it) => it.place.scalar === 'String' && !isCursor(it) && !isSubscription(it));

/** What is identified at a place of ids. */
function kindsOf(field: RootField, { path, input }: Place): readonly IdType[] {
  const named = NAMED[path.at(-1) ?? ''];
  return named ? [named] : (WITHIN[input ?? `${field.root}.${field.name}`] ?? []);
}

let database: TestDatabase;
let app: App;
let mine: Tenant;
let theirs: Tenant;
let theirIds: Record<IdType, string[]>;
let theirState: unknown;

beforeAll(async () => {
  database = await createDatabase();
  const env = {
    LIFELINE_AUTH: 'required',
    LIFELINE_ADMIN_KEY: ADMIN_KEY,
    LIFELINE_WATCHDOG_INTERVAL_MS: '0',
  };
  app = await startApp({ databaseUrl: database.url, env });
  // One after the other: of two things at the same instant, which comes first in a list depends on their ids.
  mine = await newTenant('mine');
  theirs = await newTenant(THEIRS);
});
afterAll(async () => {
  await app.close();
  await database.drop();
});

async function newTenant(slug: string): Promise<Tenant> {
  const query = `mutation {
    createProject(input: { slug: "${slug}" }) { project { slug } }
    createApiKey(input: { name: "${slug}", role: ADMIN, projectSlug: "${slug}" }) { secret }
  }`;
  const reply = await asks.HTTP(app.url, { query }, bearer(ADMIN_KEY));
  const { createApiKey } = ('result' in reply ? reply.result.data : null) as Data;
  const tenant = new Tenant(app.url, database.url, slug, createApiKey.secret);
  await tenant.live();
  return tenant;
}

/** What a tenant is told who names this; the records that the operation needs besides are new ones of its own. */
async function told(tenant: Tenant, it: Case, value: string, session?: string): Promise<string> {
  const operation = await operationAt(it.field, [it.place], (at) => {
    if (at.scalar === it.place.scalar && at.scalar === 'String') {
      return at.path.at(-1) === 'instanceId' ? instanceOf(value) : value;
    }
    if (at.path.join() === it.place.path.join()) return value;
    const [kind] = at.scalar === 'ID' ? kindsOf(it.field, at) : [];
    if (kind) return kind === 'Session' && session !== undefined ? session : tenant.fresh(kind);
    return SENSIBLE[`${at.input}.${at.path.at(-1)}`];
  });
  const text = JSON.stringify(isSubscription(it) ? await firstOf(tenant, operation) : await tenant.answer(operation));
  expect(text).not.toMatch(/QUERY_TOO_COSTLY|GRAPHQL_|BAD_USER_INPUT|INTERNAL/);
  return text;
}

async function firstOf(tenant: Tenant, operation: Parameters<Tenant['answer']>[0]): Promise<unknown> {
  const client = socketClient(app.url, bearer(tenant.key));
  try {
    for await (const result of client.iterate(operation)) return result;
    return null;
  } catch (thrown) {
    // A loss of the connection is no answer.
    if (!Array.isArray(thrown)) throw thrown;
    return { errors: thrown as unknown };
  } finally {
    await client.dispose();
  }
}

/** An answer without what was asked for, and without what is new each time that something is done. */
function plain({ field: { root } }: Case, text: string, value: string): string {
  const asked = text.replaceAll(value, '?');
  if (root !== 'Mutation') return asked;
  return asked
    .replace(/llk_\w{26}_[\w-]{43}/g, 'key')
    .replace(/\b[a-z]{3}_[0-9a-z]{26}\b/g, 'id')
    .replace(/"\d{4}-\d\d-\d\dT[^"]+"/g, 'time')
    .replace(/(?<="(position|asOf)":)\d+/g, 'position')
    .replace(/(?<="holderSilentSeconds":|silent for )[\d.]+/g, 'while');
}

function expectNothingOf(ids: Record<IdType, string[]>, text: string, but?: string): void {
  const found = Object.values(ids)
    .flat()
    .filter((id) => id !== but && text.includes(id));
  expect(found).toEqual([]);
}

describe('every place that takes an id', () => {
  it('says of what', () => {
    expect(byId.filter((it) => kindsOf(it.field, it.place).length === 0).map(({ title }) => title)).toEqual([]);
  });

  it('is at the root, or in a filter that is tried there', () => {
    const below = Object.values(schema.getTypeMap())
      .filter((type) => isObjectType(type) && !fields.some(({ root }) => root === type.name))
      .flatMap((type) => (isObjectType(type) ? Object.values(type.getFields()).map((field) => ({ type, field })) : []))
      .filter(({ field }) => placesOf({ root: 'Query', name: '', field }).some(({ scalar }) => scalar === 'ID'))
      .map(
        ({ type, field }) =>
          `${type.name}.${field.name}(${field.args.map(({ name, type: of }) => `${name}: ${String(of)}`).join(', ')})`,
      );
    expect(below).toEqual(['Run.sessions(after: String, filter: SessionFilter, first: Int)']);
  });
});

describe('what another project has', () => {
  beforeAll(async () => {
    theirIds = await theirs.ids();
    theirState = await theirs.stored();
  });

  it.each(rootIds)('is unknown by its id: $title', async (it) => {
    for (const kind of kindsOf(it.field, it.place)) {
      const unknown = encodeId(kind, newId());
      const expected = plain(it, await told(mine, it, unknown), unknown);
      for (const id of sample(theirIds[kind])) {
        const text = await told(mine, it, id);
        expect(plain(it, text, id)).toBe(expected);
        expectNothingOf(theirIds, text, id);
      }
    }
  });

  it.each(byText)('is unknown by its name: $title', async (it) => {
    const text = await told(mine, it, THEIRS);
    expect(plain(it, text, THEIRS)).toBe(plain(it, await told(mine, it, NOBODYS), NOBODYS));
    expectNothingOf(theirIds, text);
  });

  it.each(cases.filter(isCursor))('is no place in a list: $title', async (it) => {
    const { field } = it;
    const list = { query: `{ ${field.name} { edges { cursor } } }` };
    const { data } = await theirs.answer(list);
    // The server's own admin's alone.
    if (!data) return expect(field.name).toBe('projects');
    const cursors = ((data as Data)[field.name].edges as { cursor: string }[]).map(({ cursor }) => cursor);
    expect(cursors).not.toEqual([]);
    for (const cursor of sample(cursors)) {
      const text = await told(mine, it, cursor);
      const unknown = unknownLike(cursor);
      expect(plain(it, text, cursor)).toBe(plain(it, await told(mine, it, unknown), unknown));
      expectNothingOf(theirIds, text);
    }
  });

  it('is as it was', async () => {
    expect(await theirs.stored()).toEqual(theirState);
  });
});

/** A cursor of the same place in the list, of a row that is not there. */
function unknownLike(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  return Buffer.from(text.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, newId())).toString('base64url');
}

/** The first, of which most is said, and the last. */
const sample = <Item>(items: readonly Item[]): Set<Item> => new Set([...items.slice(0, 1), ...items.slice(-2)]);

describe('what happens in another project', () => {
  /** Each subscription with nothing but what it requires, and with each thing named that it can be told. */
  const watched = fields
    .filter(({ root }) => root === 'Subscription')
    .flatMap((field) => [null, ...placesOf(field)].map((place) => ({ field, place })));

  it('is delivered to nobody here, however it is asked for', async () => {
    const here = await follow(mine, watched, theirIds);
    const there = await follow(
      theirs,
      watched.filter(({ place }) => place === null),
      theirIds,
    );
    const bare = here.filter(({ place }) => place === null);
    let round = 0;
    const happen = async (): Promise<void> => {
      round += 1;
      await theirs.live(`${THEIRS}-${round}`);
      await mine.live(`mine-${round}`);
    };
    // Once everybody has heard of something they are all there, also those who are told of nothing before it happens.
    await expect.poll(async () => (await happen(), [...bare, ...there].filter(isSilent))).toEqual([]);
    await happen();
    for (const [tenant, feeds] of [
      [mine, bare],
      [theirs, there],
    ] as const) {
      const last = (await tenant.ids()).Event.at(-1)!;
      await expect
        .poll(() => feeds.some(({ field, text }) => field.name === 'log' && text().includes(last)))
        .toBe(true);
    }
    const ids = await theirs.ids();
    for (const { text } of here) {
      expectNothingOf(ids, text());
      expect(text()).not.toContain(THEIRS);
    }
    for (const { leave } of [...here, ...there]) await leave();
  });
});

interface Feed {
  readonly field: RootField;
  readonly place: Place | null;
  readonly text: () => string;
  readonly leave: () => Promise<void> | void;
}

const isSilent = ({ text }: Feed): boolean => !text().includes('data');

/** Opens subscriptions, each over a WebSocket and as an event stream; `ids` are what they name. */
async function follow(
  tenant: Tenant,
  wanted: readonly { field: RootField; place: Place | null }[],
  ids: Record<IdType, string[]>,
): Promise<Feed[]> {
  const own = { Session: await tenant.fresh('Session'), Run: await tenant.fresh('Run') };
  await tenant.act('sendSignal', { sessionId: own.Session, kind: 'NUDGE' });
  const client = socketClient(app.url, bearer(tenant.key));
  const feeds = wanted.map(async ({ field, place }): Promise<Feed[]> => {
    const operation = await operationAt(field, place ? [place] : [], (at) => {
      const [kind] = at.scalar === 'ID' ? kindsOf(field, at) : [];
      if (kind) return at.input === null ? own[kind as keyof typeof own] : ids[kind][0];
      return at.scalar === 'String' ? THEIRS : undefined;
    });
    let bySocket = '';
    client.subscribe(operation, {
      next: (result) => (bySocket += JSON.stringify(result)),
      error: (error) => (bySocket += JSON.stringify(error)),
      complete: () => undefined,
    });
    let byStream = '';
    const headers = { ...headersOf(bearer(tenant.key)), accept: 'text/event-stream' };
    const response = await open(app.url, posted(operation, headers));
    response.setEncoding('utf8').on('data', (chunk: string) => (byStream += chunk));
    return [
      { field, place, text: () => bySocket, leave: () => client.dispose() },
      { field, place, text: () => byStream, leave: () => void response.destroy() },
    ];
  });
  return (await Promise.all(feeds)).flat();
}

describe('its own project', () => {
  // What only looks comes first: much is changed by the rest.
  it.each(rootIds.toSorted((one, other) => Number(isMutation(one)) - Number(isMutation(other))))(
    'finds what the other does not: $title',
    async (it) => {
      const own = await theirs.ids();
      // Whoever revokes the key that is in use finds nothing more.
      own.ApiKey.shift();
      const [kind] = kindsOf(it.field, it.place) as [IdType];
      const unknown = encodeId(kind, newId());
      // What hangs on a session is asked for together with it.
      const session = kind === 'Signal' ? own.Session[0] : undefined;
      const expected = plain(it, await told(theirs, it, unknown, session), unknown);
      for (const id of sample(own[kind])) {
        if (plain(it, await told(theirs, it, id, session), id) !== expected) return;
      }
      expect.fail('it is answered as for an unknown id');
    },
  );
});
