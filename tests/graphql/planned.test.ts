// What a list has to read is worked out once for a document: not so what differs from one request to the next.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { openGraphql, type Data } from '../support/graphql.js';

const graphql = await openGraphql();
const { caller, newCaller, start } = graphql;
afterAll(() => graphql[Symbol.asyncDispose]());

const titles = ({ sessions }: Data): string[] => sessions.nodes.map(({ title }: Data) => title);

describe('the same document', () => {
  it('reads of each project its own', async () => {
    const other = await newCaller();
    await start(caller, { title: 'mine' });
    await start(other, { title: 'theirs' });
    const text = '{ sessions(first: 3) { nodes { title run { sessions(first: 1) { totalCount } } } } }';

    for (let times = 0; times < 2; times++) {
      expect(titles(await graphql.ask(text))).toContain('mine');
      expect(titles(await graphql.ask(text, {}, { caller: other }))).toEqual(['theirs']);
    }
  });

  it('reads what its variables say', async () => {
    const me = await newCaller();
    for (const title of ['a', 'b', 'c']) await start(me, { title, taskId: title });
    const text = `query ($first: Int!, $filter: SessionFilter) { sessions(first: $first, filter: $filter) { nodes { title } } }`;
    const ask = async (variables: object) => titles(await graphql.ask(text, { ...variables }, { caller: me }));

    for (let times = 0; times < 2; times++) {
      expect(await ask({ first: 2 })).toEqual(['c', 'b']);
      expect(await ask({ first: 1 })).toEqual(['c']);
      expect(await ask({ first: 9, filter: { taskId: 'a' } })).toEqual(['a']);
    }
  });

  it.each([
    ['{ sessions(first: 9, filter: { silentForSeconds: 1 }) { nodes { title } } }'],
    [
      `query ($run: ID!) { node(id: $run) { ... on Run {
        sessions(filter: { silentForSeconds: 1 }) { nodes { title } } } } }`,
    ],
  ])('asks for the time again: %s', async (text) => {
    const me = await newCaller();
    const as = { caller: me };
    const { run } = await graphql.act('createRun', { description: 'r' }, 'run { id }', as);
    const began = Date.now();
    await graphql.act('startSession', { kind: 'AGENT', title: 'quiet', runId: run.id }, 'session { id }', as);
    const ask = async (): Promise<string[]> => {
      const data = await graphql.ask(text, text.includes('$run') ? { run: run.id } : {}, as);
      return titles('node' in data ? data.node : data);
    };
    const before = await ask();
    // Else the machine was too slow for the question.
    if (Date.now() - began < 900) expect(before).toEqual([]);
    await delay(1_200);
    expect(await ask()).toEqual(['quiet']);
  });
});
