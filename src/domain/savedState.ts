// The saved state of a workflow is ACTIVE while its session works and SUSPENDED with it; both are open. It ends COMPLETED
// with the session, or EXPIRED when nobody came back for it in time. Each save adds one to its version.

export const SAVED_STATE_STATUSES = ['ACTIVE', 'SUSPENDED', 'COMPLETED', 'EXPIRED'] as const;
export type SavedStateStatus = (typeof SAVED_STATE_STATUSES)[number];

/** How long after its last save it can be resumed, unless its owner says otherwise. */
export const SAVED_STATE_KEPT_SECONDS = 24 * 60 * 60;
