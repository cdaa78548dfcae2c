import { afterAll, describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.js';
import { EndSessionDocument, StartSessionDocument } from '../../src/client/operation.js';
import { encodeId, newId } from '../../src/domain/id.js';
import { startApp } from '../support/app.js';
import { transports } from '../support/wire.js';

const app = await startApp();
afterAll(() => app.close());

const ended = await endedSession();
const unknown = encodeId('Session', newId());
const ofAnotherType = encodeId('Run', newId());

async function endedSession(): Promise<string> {
  const client = createClient({ url: app.url });
  const { startSession } = await client.request(StartSessionDocument, { input: {} });
  const sessionId = startSession.session.id;
  await client.request(EndSessionDocument, { input: { sessionId, reason: 'FINISHED' } });
  return sessionId;
}

const START = 'mutation ($input: StartSessionInput!) { startSession(input: $input) { position } }';
const END = 'mutation ($input: EndSessionInput!) { endSession(input: $input) { position } }';
const BORED = 'mutation { endSession(input: { sessionId: "x", reason: BORED }) { position } }';
const APPEND = 'mutation ($input: AppendEventsInput!) { appendEvents(input: $input) { position } }';
const WATCH = 'subscription ($id: ID!) { session(id: $id) { id } }';
const appendTo = (sessionId: string) => ({ input: { sessionId, events: [{ type: 'PROGRESS' }] } });

const anyText = expect.any(String) as string;
const aSentence = expect.stringMatching(/^[A-Z].* .*\.$/s) as string;
const notFound = (ref: string) => ({ code: 'NOT_FOUND', kind: 'Session', ref });
const invalid = (path: string) => ({ code: 'VALIDATION', issues: [{ path, message: anyText }] });
const afterEnd = {
  code: 'SESSION_ENDED',
  ...{ sessionId: ended, endedAt: anyText, endReason: 'FINISHED', successorId: null },
};

type Case = [what: string, query: string, variables: Record<string, unknown>, extensions: object];
const cases: Case[] = [
  ['an unknown enum value', BORED, {}, { code: 'GRAPHQL_VALIDATION_FAILED' }],
  [
    'an unknown enum value in a variable',
    END,
    { input: { sessionId: ended, reason: 'BORED' } },
    { code: 'BAD_USER_INPUT' },
  ],
  ['a name of 129 characters', START, { input: { agentName: 'x'.repeat(129) } }, invalid('input.agentName')],
  ['a wrong instanceId', START, { input: { instanceId: 'planner-XX-a1b2c3' } }, invalid('input.instanceId')],
  ['an ended session', APPEND, appendTo(ended), afterEnd],
  ['an unknown id', APPEND, appendTo(unknown), notFound(unknown)],
  ['a malformed id', APPEND, appendTo('ses_x'), notFound('ses_x')],
  ['an id of another type', APPEND, appendTo(ofAnotherType), notFound(ofAnotherType)],
  ['an unknown id to watch', WATCH, { id: unknown }, notFound(unknown)],
  ['a malformed id to watch', WATCH, { id: 'ses_x' }, notFound('ses_x')],
  ['an id of another type to watch', WATCH, { id: ofAnotherType }, notFound(ofAnotherType)],
];

describe.each(Object.entries(transports))('over %s', (name, transport) => {
  const askable = cases.filter(([, query]) => query !== WATCH || name !== 'HTTP');

  it.each(askable)('%s is refused with its code, in a sentence', async (_what, query, variables, extensions) => {
    const results = await transport(app.url, { query, variables });
    expect(results).toHaveLength(1);
    expect(results[0]!.data ?? null).toBeNull();
    expect(results[0]!.errors).toEqual([
      expect.objectContaining({
        message: aSentence,
        extensions: { retryable: false, ...extensions },
      }),
    ]);
  });
});
