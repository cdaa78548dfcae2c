// Prisma, but for what is asked most: the rows of a list or the first of them, which is one statement here and nothing else.
// Whatever is not plain is left to Prisma, and both answer alike.
import { NotPlain } from './condition.js';
import { MODELS } from './model.js';
import type { Lines } from './line.js';
import { readOf, type Asked, type Read } from './read.js';

interface Delegate {
  findMany(asked?: Asked): Promise<unknown[]>;
  findFirst(asked?: Asked): Promise<unknown>;
}

/** The client, with plain questions answered by `lines`. */
export function plainly<Client extends object>(prisma: Client, lines: Lines): Client {
  const delegates = new Map(
    Array.from(MODELS.keys(), (name): [string, Delegate] => {
      const property = `${name[0]?.toLowerCase()}${name.slice(1)}`;
      return [property, plainDelegate(name, Reflect.get(prisma, property) as Delegate, lines)];
    }),
  );
  return new Proxy(prisma, {
    get: (target, property) => delegates.get(property as string) ?? (Reflect.get(target, property) as unknown),
  });
}

function plainDelegate(name: string, delegate: Delegate, lines: Lines): Delegate {
  const rowsOf = async (asked: Asked): Promise<unknown[] | null> => {
    const read = plain(name, asked);
    return read && (await lines(read)).map(read.rowOf);
  };
  const own: Delegate = {
    findMany: async (asked = {}) => (await rowsOf(asked)) ?? delegate.findMany(asked),
    async findFirst(asked = {}) {
      const rows = asked.take === undefined ? await rowsOf({ ...asked, take: 1 }) : null;
      return rows ? (rows[0] ?? null) : delegate.findFirst(asked);
    },
  };
  // Prisma answers to all else. Its delegate takes for its own what is set on an object that has it for a prototype.
  return Object.setPrototypeOf(own, delegate) as Delegate;
}

/** Of questions that nobody changes any more, and that may be asked again. */
const known = new WeakMap<Asked, Read | null>();

function plain(name: string, asked: Asked): Read | null {
  const read = known.get(asked);
  if (read !== undefined) return read;
  const found = attempt(name, asked);
  if (Object.isFrozen(asked)) known.set(asked, found);
  return found;
}

function attempt(name: string, asked: Asked): Read | null {
  try {
    return readOf(name, asked);
  } catch (error) {
    if (error instanceof NotPlain) return null;
    throw error;
  }
}
