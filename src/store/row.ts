// Raw statements answer with rows of the same shape as Prisma's, so that nobody has to know which of the two read them.
import { Prisma } from '../database/client.js';

/** The select list that gives a row of the table known as `alias` the shape of its Prisma model. */
function columns(alias: string, fields: Record<string, string>): Prisma.Sql {
  const list = Object.keys(fields).map((field) => {
    const column = field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return `${alias}."${column}" AS "${field}"`;
  });
  return Prisma.raw(list.join(', '));
}

/** Every column of a session known as `s`. */
export const SESSION_COLUMNS = columns('s', Prisma.SessionScalarFieldEnum);
/** Every column of a conversation known as `c`. */
export const CONVERSATION_COLUMNS = columns('c', Prisma.ConversationScalarFieldEnum);
/** Every column of a run known as `r`. */
export const RUN_COLUMNS = columns('r', Prisma.RunScalarFieldEnum);
/** Every column of an event known as `e`. */
export const EVENT_COLUMNS = columns('e', Prisma.EventScalarFieldEnum);
