import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mutation, openGraphql, type TestGraphql } from '../support/graphql.js';

let graphql: TestGraphql;

beforeAll(async () => {
  graphql = await openGraphql();
});
afterAll(() => graphql[Symbol.asyncDispose]());

const create = mutation('createProject', 'project { slug name logPosition logStart }');

describe('a project', () => {
  it('is made with an empty log, called by its slug where nobody says otherwise', async () => {
    const { createProject } = await graphql.ask(create, { input: { slug: 'web' } });
    expect(JSON.parse(JSON.stringify(createProject))).toEqual({
      project: { slug: 'web', name: 'web', logPosition: 0, logStart: 1 },
    });
    await graphql.ask(create, { input: { slug: 'docs', name: 'The documents' } });
    const { projects } = await graphql.ask('{ projects { totalCount nodes { slug name } } }');
    expect(projects).toEqual({
      totalCount: 3,
      nodes: [
        { slug: 'docs', name: 'The documents' },
        { slug: 'web', name: 'web' },
        { slug: 'default', name: 'default' },
      ],
    });
  });

  it('is made once: of many who want its slug at once, one gets it', async () => {
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, () => graphql.ask(create, { input: { slug: 'raced' } })),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const { extensions } = await graphql.refusal(create, { input: { slug: 'raced' } });
    expect(extensions).toMatchObject({ code: 'VALIDATION', issues: [{ path: 'input.slug' }] });
  });

  it('is not made where its names are none, and all is said at once', async () => {
    const { extensions } = await graphql.refusal(create, { input: { slug: 'No', name: '' } });
    expect(extensions).toMatchObject({ issues: [{ path: 'input.slug' }, { path: 'input.name' }] });
  });
});
