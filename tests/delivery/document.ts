// What the writers ask.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { parse } from 'graphql';
import type { EventType } from '../../src/client/operation.js';

type Document<Result, Variables> = TypedDocumentNode<Result, Variables>;

/** A mutation whose only field has its own name and takes one `input`. */
function mutation<Input, Payload>(field: string, selection: string): Mutation<Input, Payload> {
  const type = `${field[0]?.toUpperCase()}${field.slice(1)}Input!`;
  const document = parse(`mutation ($input: ${type}) { ${field}(input: $input) { ${selection} } }`);
  return { field, document };
}

export interface Mutation<Input, Payload> {
  readonly field: string;
  readonly document: Document<Record<string, Payload>, { input: Input }>;
}

interface Id {
  id: string;
}
interface Placed extends Id {
  position: number;
}

export const startSession = mutation<
  {
    agentName: string;
    metadata: object;
    idempotencyKey: string;
    runId?: string;
    spawnedById?: string;
    liveness?: { stallAfterSeconds: number; escalateEverySeconds: number; zombieAfterSeconds: number };
  },
  { session: Id; position: number }
>('startSession', 'session { id } position');

export const transitionSession = mutation<
  {
    conversation: { platform: string; externalId: string };
    trigger: 'CONTEXT_COMPACTED';
    next: { metadata: object };
    idempotencyKey: string;
  },
  { session: Id; ended: Id | null; created: boolean; position: number }
>('transitionSession', 'session { id } ended { id } created position');

export const endSession = mutation<{ sessionId: string; reason: 'FINISHED'; outcome: 'SUCCESS' }, { position: number }>(
  'endSession',
  'position',
);

export const appendEvents = mutation<
  { sessionId: string; events: { type: EventType; data: object; dedupeKey: string }[] },
  { events: Placed[] }
>('appendEvents', 'events { id position }');

export const createCheckpoint = mutation<
  { sessionId: string; workState: object; metadata: object; idempotencyKey: string },
  { checkpoint: Id }
>('createCheckpoint', 'checkpoint { id }');

export const logCommands = mutation<
  { sessionId: string; commands: { commandType: string; action: string; dedupeKey: string }[] },
  { commands: Id[] }
>('logCommands', 'commands { id }');

export const heartbeat = mutation<
  { sessionId: string; activity: string; contextPercent: number },
  { session: { liveness: { lastHeartbeatAt: string } } }
>('heartbeat', 'session { liveness { lastHeartbeatAt } }');

export const updateSession = mutation<{ sessionId: string; title: string }, { position: number }>(
  'updateSession',
  'position',
);

export const reviveSession = mutation<{ sessionId: string; note: string }, { position: number }>(
  'reviveSession',
  'position',
);

export const requestApproval = mutation<
  { sessionId: string; question: string; timeoutSeconds: number; idempotencyKey: string },
  { approval: Id }
>('requestApproval', 'approval { id }');

export const resolveApproval = mutation<
  { approvalId: string; resolution: 'APPROVED' | 'REJECTED' },
  { position: number }
>('resolveApproval', 'position');

export const sendSignal = mutation<
  { sessionId: string; kind: 'MESSAGE'; note: string; idempotencyKey: string },
  { signal: Id }
>('sendSignal', 'signal { id }');

export const acknowledgeSignals = mutation<{ sessionId: string; signalIds: string[] }, { position: number }>(
  'acknowledgeSignals',
  'position',
);

export const createRun = mutation<{ description: string; idempotencyKey: string }, { run: Id }>(
  'createRun',
  'run { id }',
);

export const completeRun = mutation<{ runId: string }, { position: number }>('completeRun', 'position');
