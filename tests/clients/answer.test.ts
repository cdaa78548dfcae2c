import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/app.js';
import { createClient } from '../../src/client/client.js';
import { EndSessionDocument, StartSessionDocument } from '../../src/client/operation.js';
import { encodeId, newId } from '../../src/domain/id.js';
import { startApp } from '../support/app.js';
import { clients } from './client.js';
import type { Connect, Data, Operation, Refusal } from './subscriber.js';

let app: App;

beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

/** All that comes of a subscription until it is refused or completes. */
async function whole(connect: Connect, operation: Operation, onData?: () => void) {
  await using subscriber = connect(app.url);
  const data: Data[] = [];
  const errors = await new Promise<readonly Refusal[]>((resolve) => {
    subscriber.subscribe(operation, {
      next(result) {
        data.push(result);
        onData?.();
      },
      refused: resolve,
      completed: () => resolve([]),
    });
  });
  return { data, errors };
}

const LOG = 'subscription ($after: SafeInt) { log(after: $after) { position } }';
const SESSION = 'subscription ($id: ID!) { session(id: $id) { id state } }';

describe.each(clients)('a subscriber that uses %s', (_name, connect) => {
  it.each([
    ['NOT_FOUND', SESSION, { id: encodeId('Session', newId()) }],
    ['VALIDATION', LOG, { after: 1_000_000 }],
    ['BAD_USER_INPUT', LOG, { after: 'soon' }],
    ['GRAPHQL_VALIDATION_FAILED', 'subscription { nothing }', {}],
  ])('is told %s as the code of a refusal', async (code, query, variables) => {
    const { data, errors } = await whole(connect, { query, variables });
    expect(data).toEqual([]);
    expect(errors).toMatchObject([{ extensions: { code, retryable: false } }]);
  });

  it('sees a session to its end, and completes with it', async () => {
    const client = createClient({ url: app.url });
    const { startSession } = await client.request(StartSessionDocument, { input: {} });
    const { id } = startSession.session;
    let ending: Promise<unknown> | undefined;
    const end = () => (ending ??= client.request(EndSessionDocument, { input: { sessionId: id, reason: 'FINISHED' } }));

    const { data, errors } = await whole(connect, { query: SESSION, variables: { id } }, () => void end());

    expect(errors).toEqual([]);
    // Some clients ask for the names of types as well.
    expect(data).toMatchObject([{ session: { id, state: 'BOOTING' } }, { session: { id, state: 'COMPLETED' } }]);
  });
});
