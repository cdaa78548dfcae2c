import { describe, expect, it } from 'vitest';
import { continueChain, depthBelow, inherit } from '../../src/domain/chain.js';

describe('a chain', () => {
  it('begins with a session that is its own root', () => {
    expect(continueChain(null, 'a')).toEqual({ parentId: null, chainRootId: 'a', chainIndex: 0 });
  });

  it('counts on from the parent and keeps its root', () => {
    const link = (id: string, parent: Parameters<typeof continueChain>[0]) => ({ id, ...continueChain(parent, id) });
    const third = link('c', link('b', link('a', null)));
    expect(third).toEqual({ id: 'c', parentId: 'b', chainRootId: 'a', chainIndex: 2 });
    expect(link('fork', link('b', link('a', null)))).toMatchObject({ chainRootId: 'a', chainIndex: 2 });
  });
});

describe('the spawn tree', () => {
  it('is one deeper with every spawner', () => {
    expect(depthBelow(null)).toBe(0);
    expect(depthBelow({ depth: 0 })).toBe(1);
    expect(depthBelow({ depth: 7 })).toBe(8);
  });
});

describe('a child', () => {
  const inherited = {
    kind: 'AGENT',
    agentName: 'builder-1',
    conversationId: 'conversation',
    runId: 'run',
    spawnedById: 'spawner',
    depth: 2,
    hostMachine: 'host',
    worktreePath: '/w',
    branchName: 'main',
    tmuxSession: null,
    pid: 42,
    transcriptPath: null,
    assistant: 'claude-code',
    stallAfterSeconds: 300,
    zombieAfterSeconds: null,
    escalateEverySeconds: 60,
    maxEscalationLevel: 3,
  };

  it('has of its parent what makes it the same agent at the same place, and nothing else', () => {
    const own = {
      id: 'parent',
      title: 'The first window',
      providerSessionId: 'provider',
      externalId: 'external',
      instanceId: 'odin-PS-6dff3b',
      metadata: { a: 1 },
      state: 'COMPLETED',
    };
    expect(inherit({ ...own, ...inherited })).toEqual(inherited);
  });
});
