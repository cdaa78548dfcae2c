import type { Caller } from '../store/store.js';

/**
 * Whom every request stands for as long as there are no keys: the server's own administrator, in one project. That is why
 * the server listens on the loopback only.
 */
export function localCaller(projectId: string): Caller {
  return { projectId, name: 'local', role: 'ADMIN', serverAdmin: true };
}
