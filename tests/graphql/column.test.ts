// A field that is asked for alone has the columns that it reads: it tells what it tells of a row that was read whole.
import { getNamedType, isLeafType, isObjectType, type GraphQLObjectType } from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildSchema } from '../../src/graphql/schema.js';
import { openGraphql, type Data, type TestGraphql } from '../support/graphql.js';

const schema = buildSchema();

/** The objects among the fields of a type that are made from the very row. */
const WITHIN = new Set(['workspace', 'liveness', 'policy']);
/** What tells of more than the row, and something else by then. */
const MOVES = new Set(['silentSeconds', 'agentCount', 'workersFinished']);

/** Selections of the type, each of one field alone. */
function selections(type: GraphQLObjectType): string[] {
  return Object.values(type.getFields()).flatMap(({ name, args, type: shown }) => {
    const inner = getNamedType(shown);
    if (args.length > 0 || MOVES.has(name)) return [];
    if (isLeafType(inner)) return name;
    if (!WITHIN.has(name) || !isObjectType(inner)) return [];
    return selections(inner).map((selection) => `${name} { ${selection} }`);
  });
}

const selectionsOf = (name: string): string[] => selections(schema.getType(name) as GraphQLObjectType);

let graphql: TestGraphql;
/** By type, a row as a mutation answers with it: whole. */
let whole: Record<string, Data>;

beforeAll(async () => {
  graphql = await openGraphql();
  const wholeOf = async (type: string, name: string, input: object, field: string): Promise<Data> =>
    (await graphql.act(name, input, `${field} { ${selectionsOf(type).join(' ')} }`))[field];

  const metadata = { any: 'thing' };
  const Run = await wholeOf(
    'Run',
    'createRun',
    { externalId: 'run', description: 'Runs', coordinatorName: 'ada', metadata },
    'run',
  );
  const conversation = { platform: 'test', externalId: 'thread' };
  const texts = ['agentName', 'capability', 'externalId', 'providerSessionId', 'assistant', 'taskId', 'title'];
  const { id: sessionId } = (
    await graphql.act(
      'startSession',
      {
        ...Object.fromEntries(texts.map((name) => [name, `the ${name}`])),
        ...{ instanceId: 'lifeline-PS-abc123', conversation, runId: Run.id, metadata },
        liveness: { stallAfterSeconds: 1, zombieAfterSeconds: 2, escalateEverySeconds: 3, maxEscalationLevel: 1 },
        workspace: {
          ...{ hostMachine: 'host', worktreePath: '/work', branchName: 'main', tmuxSession: 'tmux', pid: 7 },
          transcriptPath: '/transcript',
        },
      },
      'session { id }',
    )
  ).session;
  const told = { type: 'CUSTOM', name: 'named', level: 'WARN', toolName: 'Edit', data: metadata, metadata };
  const [Event] = await wholeOf('Event', 'appendEvents', { sessionId, events: [told] }, 'events');
  const ending = { sessionId, reason: 'FAILED', outcome: 'FAILURE', note: 'It did not work.' };
  const Session = await wholeOf('Session', 'endSession', ending, 'session');
  const Conversation = await wholeOf(
    'Conversation',
    'closeConversation',
    { conversation: { key: conversation } },
    'conversation',
  );
  whole = { Run, Event, Session, Conversation };
});
afterAll(() => graphql[Symbol.asyncDispose]());

describe.each(['Session', 'Run', 'Conversation', 'Event'])('each field of %s', (type) => {
  it.each(selectionsOf(type))('%s', async (selection) => {
    const document = `query ($id: ID!) { node(id: $id) { ... on ${type} { ${selection} } } }`;
    const { node } = await graphql.ask(document, { id: whole[type].id });
    expect(whole[type]).toMatchObject(node);
  });
});
