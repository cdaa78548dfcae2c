// A run groups the sessions of one coordinator. It is ACTIVE until it is said to be COMPLETED or FAILED, once.

export const RUN_STATUSES = ['ACTIVE', 'COMPLETED', 'FAILED'] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];
