import { setImmediate } from 'node:timers/promises';
import { buildSchema, type GraphQLObjectType } from 'graphql';
import { createYoga } from 'graphql-yoga';
import { expect, it } from 'vitest';
import { rejectWhatThrows } from '../../src/graphql/rejection.js';

it('a list whose items fail at once and later leaves no rejection unheard', async () => {
  let failLater = (): void => undefined;
  const later = new Promise<number>((_resolve, reject) => (failLater = () => reject(new Error('later'))));
  const schema = buildSchema('type Query { items: [Item!] } type Item { late: Int! now: Int! }');
  (schema.getType('Item') as GraphQLObjectType<number>).getFields().late!.resolve = (index) =>
    index === 0 ? later : 1;
  (schema.getType('Item') as GraphQLObjectType<number>).getFields().now!.resolve = (index) => {
    if (index === 1) throw new Error('now');
    return 1;
  };
  schema.getQueryType()!.getFields().items!.resolve = () => [0, 1];
  const yoga = createYoga({ schema: rejectWhatThrows(schema), maskedErrors: false, logging: false });

  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  process.on('unhandledRejection', hear);
  try {
    const query = encodeURIComponent('{ items { late now } }');
    const answer = await (await yoga.fetch(`http://here/graphql?query=${query}`)).json();
    expect(answer).toMatchObject({ data: { items: null }, errors: [{ message: 'now', path: ['items', 1, 'now'] }] });
    failLater();
    // Node tells of rejections that nobody has handled once the microtasks are done.
    await setImmediate();
    expect(unheard).toEqual([]);
  } finally {
    process.off('unhandledRejection', hear);
  }
});
