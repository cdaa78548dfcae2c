// What many mutations say alike, in the same words everywhere.

export const REPEATABLE = {
  description:
    'Makes the call repeatable: the same key with the same input answers with the first result, with another input it is an ' +
    'IDEMPOTENCY_CONFLICT. Up to 200 characters, kept for 24 hours.',
} as const;

export const OCCURRED_AT = {
  description: 'For a caller who reports the past: when it happened, never later than now. Order never comes from it.',
} as const;

export const REPLAYED = {
  description: 'Whether this is the first answer to this idempotency key once more.',
} as const;

export const POSITION = {
  description:
    'The log position by which the change can be read and subscribed from; where nothing had to be written, the log’s ' +
    'position now; in a replayed answer, the first answer’s.',
} as const;
