// A project with every kind of record in it, each under one and the same name, which is reached with a key of its own.
import type { FormattedExecutionResult } from 'graphql';
import { encodeId, ID_PREFIXES, type IdType } from '../../src/domain/id.js';
import { asks, bearer } from './credential.js';
import { query } from './sql.js';
import type { Operation } from './wire.js';

const TABLES: Readonly<Record<IdType, string>> = {
  Project: 'projects',
  Conversation: 'conversations',
  Run: 'runs',
  Session: 'sessions',
  Event: 'events',
  Checkpoint: 'checkpoints',
  Command: 'commands',
  SavedState: 'saved_states',
  Handoff: 'handoffs',
  Approval: 'approvals',
  Signal: 'signals',
  ApiKey: 'api_keys',
};
export const ID_TYPES = Object.keys(ID_PREFIXES) as IdType[];

export class Tenant {
  constructor(
    private readonly url: string,
    private readonly databaseUrl: string,
    /** Its slug, and the name of all that is in it. */
    readonly name: string,
    /** An admin's. */
    readonly key: string,
  ) {}

  /** An answer to an operation in its name. */
  async answer(operation: Operation): Promise<FormattedExecutionResult> {
    const reply = await asks.HTTP(this.url, operation, bearer(this.key));
    if ('refused' in reply) throw new Error(`refused with ${reply.refused}`);
    return reply.result;
  }

  /** Carries out a mutation: the id of what it has made of this kind, or the position in the log. */
  async act(name: string, input: object, made = 'position'): Promise<string> {
    const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input!`;
    const selection = ['position', 'recommendedAction', 'secret'].includes(made) ? made : `${made} { id }`;
    const document = `mutation ($input: ${type}) { ${name}(input: $input) { made: ${selection} } }`;
    const { data, errors } = await this.answer({ query: document, variables: { input } });
    if (errors) throw new Error(`${name}: ${JSON.stringify(errors)}`);
    const { made: found } = (data as Record<string, { made: string | { id: string } }>)[name]!;
    return typeof found === 'object' ? found.id : found;
  }

  /** A new session that is open; nothing about it is unique. */
  async start(input: object = {}): Promise<string> {
    return this.act('startSession', input, 'session');
  }

  /** Has everything happen, all under one name: each once. */
  async live(name = this.name): Promise<void> {
    const conversation = { platform: name, externalId: name };
    const names = { agentName: name, externalId: name, capability: name, taskId: name, title: name };
    const instanceId = instanceOf(name);
    const workspace = { hostMachine: name, branchName: name, worktreePath: name };
    const runId = await this.act('createRun', { coordinatorName: name, externalId: name }, 'run');
    const sessionId = await this.start({
      ...names,
      instanceId,
      workspace,
      conversation,
      runId,
      idempotencyKey: name,
    });
    const events = [{ type: 'PROGRESS', name, toolName: name, dedupeKey: name, data: { text: name } }];
    await this.act('appendEvents', { sessionId, events });
    const command = { commandType: name, action: name, toolName: name, success: true, tags: [name], dedupeKey: name };
    await this.act('logCommands', { sessionId, commands: [command] });
    await this.act('heartbeat', { sessionId, contextPercent: 42, currentEpic: name }, 'recommendedAction');
    const checkpointId = await this.act('createCheckpoint', { sessionId, ...PICTURE }, 'checkpoint');
    await this.act('saveState', { sessionId, mode: name });
    await this.act('sendSignal', { sessionId, kind: 'NUDGE', note: name });
    await this.act('requestApproval', { sessionId, ...QUESTION, question: name });
    await this.act('initiateHandoff', { sessionId, ...OFFER });
    const child = await this.start({ spawnedById: sessionId, runId, agentName: `${name} child` });
    await this.act('restoreCheckpoint', { checkpointId, fork: true });
    await this.act('heartbeat', { sessionId: child, processAlive: false }, 'recommendedAction');
    const asleep = await this.start();
    await this.act('saveState', { sessionId: asleep });
    await this.act('suspendSession', { sessionId: asleep });
    const ended = await this.start({ taskId: name });
    await this.act('endSession', { sessionId: ended, reason: 'FINISHED' });
    await this.start({ parentId: ended });
    await this.act('createApiKey', { name, role: 'OBSERVER' }, 'secret');
  }

  /** A new record for something to be done with, with all that this takes. */
  async fresh(type: IdType): Promise<string> {
    const sessionId = await this.start();
    switch (type) {
      case 'Session':
        return sessionId;
      case 'Run':
        return this.act('createRun', {}, 'run');
      case 'Checkpoint':
        return this.act('createCheckpoint', { sessionId, ...PICTURE }, 'checkpoint');
      case 'Handoff':
        return this.act('initiateHandoff', { sessionId, ...OFFER }, 'handoff');
      case 'Approval':
        return this.act('requestApproval', { sessionId, ...QUESTION }, 'approval');
      case 'Signal':
        return this.act('sendSignal', { sessionId, kind: 'NUDGE' }, 'signal');
      case 'ApiKey':
        return this.act('createApiKey', { name: 'x', role: 'OBSERVER' }, 'apiKey');
      default:
        throw new Error(`say how to make a new ${type}`);
    }
  }

  /** The ids of all that is in it. */
  async ids(): Promise<Record<IdType, string[]>> {
    const found = ID_TYPES.map(async (type) => [type, await this.#idsOf(type)] as const);
    return Object.fromEntries(await Promise.all(found)) as Record<IdType, string[]>;
  }

  async #idsOf(type: IdType): Promise<string[]> {
    const column = type === 'Project' ? 'id' : 'project_id';
    const sql = `SELECT id FROM ${TABLES[type]} WHERE ${column} = (SELECT id FROM projects WHERE slug = $1) ORDER BY id`;
    return (await query(this.databaseUrl, sql, [this.name])).map(({ id }) => encodeId(type, String(id)));
  }

  /** All that is stored of it, but for when its keys were last used. */
  async stored(): Promise<unknown> {
    const [row] = await query(
      this.databaseUrl,
      `SELECT string_agg(query_to_xml(format(
          'SELECT to_jsonb(t) - ''last_used_at'' FROM %I t WHERE %I = (SELECT id FROM projects WHERE slug = %L)
           ORDER BY 1', table_name, column_name, $1::text), true, false, '')::text, '' ORDER BY table_name) AS text
       FROM information_schema.columns
       WHERE table_schema = 'public' AND (column_name = 'project_id' OR table_name = 'projects' AND column_name = 'id')`,
      [this.name],
    );
    return row?.text;
  }
}

/** An instance's id has a form. */
export const instanceOf = (name: string): string => `${name}-PS-abc123`;

const PICTURE = { type: 'MANUAL', trigger: 'MANUAL', workState: {} };
const QUESTION = { type: 'PLAN', question: 'Go?', timeoutSeconds: 3_600 };
const OFFER = { reason: 'MANUAL', checkpoint: { workState: {} } };
