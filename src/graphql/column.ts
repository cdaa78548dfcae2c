// Of a row no more is read than a document asks for: rows are wide, and each column of each row is carried through the
// database, Prisma and Pothos, whether anybody looks at it or not.
import { isObjectType, type GraphQLSchema } from 'graphql';
import { HEAVY, lightColumnsOf } from './heavy.js';

/** By type, the columns that are read of every row. */
const ALWAYS: Readonly<Record<string, readonly string[]>> = {
  Session: ['id'],
  Run: ['id'],
  Conversation: ['id'],
  // By its position an entry of a timeline is known for an event.
  Event: ['id', 'position'],
};

const CHAIN = ['parentId', 'chainRootId', 'chainIndex'];

/** By type and field, the columns from which a field is made that shows none as it is. */
const WITHIN: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  Session: {
    instanceType: ['instanceId'],
    registryStatus: ['state'],
    isOpen: ['state'],
    isLive: ['state'],
    chain: CHAIN,
    chainRoot: CHAIN,
    workspace: ['hostMachine', 'worktreePath', 'branchName', 'tmuxSession', 'pid', 'transcriptPath'],
    liveness: [
      ...['startedAt', 'endedAt'],
      ...['stallAfterSeconds', 'zombieAfterSeconds', 'escalateEverySeconds', 'maxEscalationLevel'],
      ...['stalledSince', 'zombieSince', 'escalationLevel', 'evidence'],
    ],
  },
};

/**
 * Has Pothos select columns only for the fields that show them, but those that are always needed; of a type that is not
 * named above, all but the heavy ones. Told to the schema and not to the builder: there, every row that did not come by
 * one of its own queries would be read again.
 */
export function selectLightly(schema: GraphQLSchema): GraphQLSchema {
  for (const name of new Set([...Object.keys(ALWAYS), ...Object.keys(HEAVY)])) {
    const type = schema.getType(name);
    if (!isObjectType(type)) throw new Error(`there is no type ${name}`);
    const always = ALWAYS[name];
    const select = always ? selecting(always) : lightColumnsOf(name);
    type.extensions = { ...type.extensions, pothosPrismaTypeSelection: { select } };
    for (const field of Object.values(type.getFields())) {
      const { pothosExposedField: shown, pothosPrismaSelect: selected } = field.extensions;
      const columns = typeof shown === 'string' ? [shown] : (WITHIN[name]?.[field.name] ?? []);
      if (columns.length === 0) continue;
      field.extensions = {
        ...field.extensions,
        pothosPrismaSelect: { ...(selected as object), ...selecting(columns) },
      };
    }
  }
  return schema;
}

const selecting = (columns: readonly string[]) => Object.fromEntries(columns.map((column) => [column, true]));
