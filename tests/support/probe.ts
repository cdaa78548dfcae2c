import { strict as assert } from 'node:assert';
import { assertObjectType, extendSchema, parse, type GraphQLField, type GraphQLSchema } from 'graphql';
import { buildSchema } from '../../src/graphql/schema.js';

/** What nobody outside may ever see. */
export const SECRET = 'hunter2 at postgresql://inside';

export interface Probe {
  readonly schema: GraphQLSchema;
  /** How many calls of `probeWait` wait for their release, and how many streams of `probeEndless` are open. */
  readonly now: { waiting: number; streaming: number };
  /** Lets every `probeWait` answer. */
  readonly release: () => void;
}

/** The real schema, and fields that fail, wait or never end as no real one should. */
export function probe(): Probe {
  const now = { waiting: 0, streaming: 0 };
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const schema = extendSchema(
    buildSchema(),
    parse(`
      extend type Query { probeFault: Int! }
      extend type Mutation { probeWait: Int! }
      extend type Subscription { probeFault(after: Int!): Int!, probeEndless: Int! }
    `),
  );
  equip(schema, 'Query', 'probeFault', {
    resolve() {
      throw new Error(SECRET);
    },
  });
  equip(schema, 'Mutation', 'probeWait', {
    async resolve() {
      now.waiting += 1;
      await released;
      return now.waiting;
    },
  });
  equip(schema, 'Subscription', 'probeFault', {
    async *subscribe(_source, { after }: { after: number }) {
      for (let value = 1; value <= after; value++) yield { probeFault: value };
      throw new Error(SECRET);
    },
  });
  equip(schema, 'Subscription', 'probeEndless', {
    subscribe() {
      now.streaming += 1;
      const values = endless();
      return { ...values, [Symbol.asyncIterator]: () => values };
    },
  });
  return { schema, now, release };

  /** One value at once, and then none until the reader leaves. */
  function endless(): AsyncIterator<{ probeEndless: number }> {
    let leave = (): void => undefined;
    const left = new Promise<void>((resolve) => (leave = resolve));
    let isFirst = true;
    return {
      async next() {
        if (!isFirst) await left;
        const done = !isFirst;
        isFirst = false;
        return done ? { done, value: undefined } : { done, value: { probeEndless: 1 } };
      },
      async return() {
        now.streaming -= 1;
        leave();
        return { done: true, value: undefined };
      },
    };
  }
}

type Resolvers = Partial<Pick<GraphQLField<unknown, unknown>, 'resolve' | 'subscribe'>>;

function equip(schema: GraphQLSchema, type: string, name: string, resolvers: Resolvers): void {
  const field = assertObjectType(schema.getType(type)).getFields()[name];
  assert(field);
  Object.assign(field, resolvers);
}
