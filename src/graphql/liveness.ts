import type { LivenessPolicy } from '../domain/liveness.js';
import type { Pulse, Session } from '../store/store.js';
import { batched } from './batch.js';
import { builder } from './builder.js';
import type { Context } from './context.js';

const LivenessPolicyType = builder.objectRef<LivenessPolicy>('LivenessPolicy').implement({
  description: 'How long a session may be silent before it is judged. Null means never by time alone.',
  fields: (t) => ({
    stallAfterSeconds: t.exposeInt('stallAfterSeconds', {
      nullable: true,
      description: 'Silent for longer, it is STALLED. Null: never by time alone.',
    }),
    zombieAfterSeconds: t.exposeInt('zombieAfterSeconds', {
      nullable: true,
      description: 'Silent for longer, it is a ZOMBIE. Null: only evidence makes it one.',
    }),
    escalateEverySeconds: t.exposeInt('escalateEverySeconds', {
      nullable: true,
      description: 'While it is stalled, the escalation level rises by one in this time. Null: it does not rise.',
    }),
    maxEscalationLevel: t.exposeInt('maxEscalationLevel', {
      description: 'The highest escalation level: 0 warn, 1 nudge, 2 triage, 3 terminate.',
    }),
  }),
});

export const LivenessPolicyInput = builder.inputType('LivenessPolicyInput', {
  description:
    'What is to differ from the policy that is there: an absent field stays, null means never by time alone.',
  fields: (t) => ({
    stallAfterSeconds: t.int({ description: 'Silent for longer, it is STALLED.' }),
    zombieAfterSeconds: t.int({ description: 'Silent for longer, it is a ZOMBIE.' }),
    escalateEverySeconds: t.int({ description: 'While it is stalled, the level rises by one in this time.' }),
    maxEscalationLevel: t.int({ description: 'The highest escalation level, 0 to 3; null leaves it as it is.' }),
  }),
});

/** A session with the signs of life that its liveness is judged by. */
export type Judged = Session & { pulse: Pick<Pulse, 'lastHeartbeatAt' | 'lastActivityAt'> | null };

/** From when on it has been silent: a session whose pulse is gone showed its last sign when it began. */
function lastActivityAt({ pulse, startedAt }: Judged): Date {
  return pulse?.lastActivityAt ?? startedAt;
}

/** When the oldest open question of a session was asked. One statement for all sessions of a page. */
const waitingSince = batched(async (sessionIds: string[], { store, caller }: Context) => {
  const rows = await store.database.prisma.approval.groupBy({
    by: 'sessionId',
    where: { projectId: caller.projectId, sessionId: { in: sessionIds }, status: 'PENDING' },
    _min: { createdAt: true },
  });
  return new Map(rows.map(({ sessionId, _min }) => [sessionId, _min.createdAt]));
});

export const Liveness = builder.objectRef<Judged>('Liveness').implement({
  description: "The verdict on a session's silence, with the evidence that it rests on.",
  fields: (t) => ({
    policy: t.field({
      type: LivenessPolicyType,
      description: 'How long this session may be silent.',
      resolve: (session) => session,
    }),
    lastHeartbeatAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When its last heartbeat came; null where none ever did. Never moves back.',
      resolve: ({ pulse }) => pulse?.lastHeartbeatAt,
    }),
    lastActivityAt: t.field({
      type: 'DateTime',
      description: 'The latest of heartbeats, events, commands, checkpoints and saves. Never moves back.',
      resolve: lastActivityAt,
    }),
    silentSeconds: t.float({
      description:
        "How long it has been silent, by the database's clock; of an ended session, how long it was at its end.",
      resolve: (session, _, { store }) => {
        const until = session.endedAt ?? store.now();
        return Math.max(0, (until.getTime() - lastActivityAt(session).getTime()) / 1000);
      },
    }),
    stalledSince: t.expose('stalledSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it has been STALLED; null unless it is.',
    }),
    zombieSince: t.expose('zombieSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when it has been a ZOMBIE; null unless it is.',
    }),
    escalationLevel: t.exposeInt('escalationLevel', {
      nullable: true,
      description: '0 warn, 1 nudge, 2 triage, 3 terminate; null unless stalled.',
    }),
    waitingSince: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Set while an approval is open: an agent that waits for a person is not stalled.',
      resolve: ({ id }, _, context, info) => waitingSince(id, context, info),
    }),
    evidence: t.expose('evidence', {
      type: 'JSON',
      nullable: true,
      description: 'Why the verdict: the threshold, the last beat, what an observer reported. Null without a verdict.',
    }),
  }),
});
