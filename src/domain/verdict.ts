// The watchdog's verdict on a session's silence. Only a live session is judged, and only one that has shown life here; one
// that waits for a person is not silent but waiting. Silence counts from the last sign of life, but never from before the
// service could hear, or before the last question to a person was settled. Beyond its policy's zombieAfter a session is
// given up; beyond stallAfter it is stalled; and while it is stalled the escalation level rises by one each period, up to
// the policy's last. The gravest that is due is the verdict.
import type { LivenessPolicy } from './liveness.js';
import { isLive, type LifecycleState } from './session.js';

export interface Suspect extends LivenessPolicy {
  readonly state: LifecycleState;
  /** False for an imported session that has not shown life here. */
  readonly watched: boolean;
  /** Whether a question to a person is open. */
  readonly waiting: boolean;
  readonly lastHeartbeatAt: Date | null;
  readonly lastActivityAt: Date;
  /** When the last question to a person was settled; null where there was none. */
  readonly answeredAt: Date | null;
  readonly stalledSince: Date | null;
  readonly escalationLevel: number | null;
}

export type Verdict =
  | { readonly action: 'none' }
  | { readonly action: 'stall' | 'die'; readonly evidence: Evidence }
  | { readonly action: 'escalate'; readonly level: number };

/** What a verdict by time alone rests on; stored with it. */
export interface Evidence {
  readonly silentSeconds: number;
  readonly thresholdSeconds: number;
  readonly lastHeartbeatAt: string | null;
  readonly lastActivityAt: string;
  readonly reportedBy: 'watchdog';
}

const NONE: Verdict = { action: 'none' };

/** What is due at `now`; `hearingSince` is when the service began to hear, after its last outage. */
export function judge(suspect: Suspect, now: Date, hearingSince: Date): Verdict {
  if (!isLive(suspect.state) || !suspect.watched || suspect.waiting) return NONE;
  const { state, stallAfterSeconds, zombieAfterSeconds, lastActivityAt, answeredAt, stalledSince } = suspect;
  const silentSeconds = secondsSince(latest(lastActivityAt, hearingSince, answeredAt), now);

  if (zombieAfterSeconds !== null && silentSeconds > zombieAfterSeconds) {
    return { action: 'die', evidence: evidenceOf(suspect, silentSeconds, zombieAfterSeconds) };
  }
  if (state !== 'STALLED') {
    if (stallAfterSeconds === null || silentSeconds <= stallAfterSeconds) return NONE;
    return { action: 'stall', evidence: evidenceOf(suspect, silentSeconds, stallAfterSeconds) };
  }
  const { escalateEverySeconds, maxEscalationLevel, escalationLevel } = suspect;
  if (escalateEverySeconds === null || stalledSince === null) return NONE;
  const stalledSeconds = secondsSince(latest(stalledSince, hearingSince, answeredAt), now);
  const level = Math.min(Math.floor(stalledSeconds / escalateEverySeconds), maxEscalationLevel);
  return level > (escalationLevel ?? 0) ? { action: 'escalate', level } : NONE;
}

function evidenceOf(suspect: Suspect, silentSeconds: number, thresholdSeconds: number): Evidence {
  return {
    silentSeconds,
    thresholdSeconds,
    lastHeartbeatAt: suspect.lastHeartbeatAt?.toISOString() ?? null,
    lastActivityAt: suspect.lastActivityAt.toISOString(),
    reportedBy: 'watchdog',
  };
}

function latest(...instants: (Date | null)[]): Date {
  return new Date(Math.max(...instants.map((instant) => instant?.getTime() ?? 0)));
}

function secondsSince(instant: Date, now: Date): number {
  return (now.getTime() - instant.getTime()) / 1000;
}
