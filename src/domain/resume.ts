// A plan to resume is as good as its source: a checkpoint tells everything up to its moment, events and commands tell less
// the older they are, and the registry knows only that the session was there. Events tell of the work where agents or
// supervisors reported them: what the service writes of its own accord tells only that they were there.
import { AGENT_EVENT_TYPES, SUPERVISOR_EVENT_TYPES, type EventType } from './event.js';

export const RESUME_SOURCES = ['CHECKPOINT', 'EVENTS', 'COMMANDS', 'REGISTRY'] as const;
export type ResumeSource = (typeof RESUME_SOURCES)[number];

/** Confidence in a checkpoint by its age: the first row whose bound it does not pass. */
const CHECKPOINT_CONFIDENCE = [
  { upToMinutes: 5, confidence: 100 },
  { upToMinutes: 30, confidence: 90 },
  { upToMinutes: 60, confidence: 80 },
  { upToMinutes: Infinity, confidence: 70 },
] as const;

const FRESH_CONFIDENCE = { EVENTS: 85, COMMANDS: 70 } as const;
const LOST_PER_HALF_HOUR = 5;
const LEAST_CONFIDENCE = 10;
const REGISTRY_CONFIDENCE = 40;

/** 0 to 100: how much of the work the source still tells at that age. */
export function confidenceOf(source: ResumeSource, ageSeconds: number): number {
  const minutes = Math.max(ageSeconds, 0) / 60;
  switch (source) {
    case 'CHECKPOINT':
      return CHECKPOINT_CONFIDENCE.find(({ upToMinutes }) => minutes <= upToMinutes)?.confidence ?? 0;
    case 'EVENTS':
    case 'COMMANDS':
      return Math.max(FRESH_CONFIDENCE[source] - LOST_PER_HALF_HOUR * Math.floor(minutes / 30), LEAST_CONFIDENCE);
    case 'REGISTRY':
      return REGISTRY_CONFIDENCE;
  }
}

/** Types that clients may send and that the service writes too, of heartbeats and checkpoints. */
const WRITTEN_BY_BOTH: readonly EventType[] = [
  'INSTANCE_HEARTBEAT',
  'CONTEXT_WINDOW_UPDATED',
  'CHECKPOINT_CREATED',
  'CHECKPOINT_LOADED',
];

/** What tells of the work itself. */
export const REPORTED_EVENT_TYPES: readonly EventType[] = [...SUPERVISOR_EVENT_TYPES, ...AGENT_EVENT_TYPES].filter(
  (type) => !WRITTEN_BY_BOTH.includes(type),
);

/** What to do next, in the words of whoever knew best: the checkpoint, else the saved state, else the last heartbeat. */
export function nextSteps(known: {
  pendingWork?: readonly string[] | undefined;
  currentPhase?: string | null | undefined;
  currentStep?: number | null | undefined;
  currentEpic?: string | null | undefined;
}): string[] {
  const { pendingWork = [], currentPhase, currentStep, currentEpic } = known;
  if (pendingWork.length > 0) return [...pendingWork];
  const place = [currentPhase ?? [], currentStep == null ? [] : `step ${currentStep}`].flat();
  if (place.length > 0) return [place.join(', ')];
  return currentEpic == null ? [] : [currentEpic];
}
