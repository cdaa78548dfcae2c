// An approval is a question that an agent waits on a person for. It is PENDING until it is RESOLVED once, EXPIRED when its
// time has passed, or CANCELLED with the end of its session.

export const APPROVAL_TYPES = ['PLAN', 'STEP', 'ERROR_RECOVERY', 'TOOL_CALL', 'OTHER'] as const;
export type ApprovalType = (typeof APPROVAL_TYPES)[number];

export const APPROVAL_STATUSES = ['PENDING', 'RESOLVED', 'EXPIRED', 'CANCELLED'] as const;
export type ApprovalStatus = (typeof APPROVAL_STATUSES)[number];

export const APPROVAL_RESOLUTIONS = ['APPROVED', 'REJECTED', 'MODIFIED'] as const;
export type ApprovalResolution = (typeof APPROVAL_RESOLUTIONS)[number];
