// A statement that has a name is parsed and planned once on each connection, and not with each call: of the statements that
// Prisma makes that is most of the database's work.

/** More names would be kept by every connection for as long as it lives. */
const NAMES_MAX = 500;
/** What comes only now and then, or with another text each time, takes no name from what comes often. */
const OFTEN = 3;
const COUNTED_MAX = 5_000;

/** Names the statements that come often; empty for the others, which is no name. One text has one name. */
export function statementNames(kind: 'read' | 'write' = 'read'): (statement: { readonly sql: string }) => string {
  const names = new Map<string, string>();
  let counts = new Map<string, number>();
  return ({ sql }) => {
    const known = names.get(sql);
    if (known !== undefined || names.size === NAMES_MAX) return known ?? '';
    const count = (counts.get(sql) ?? 0) + 1;
    if (count < OFTEN) {
      if (counts.size === COUNTED_MAX) counts = new Map();
      counts.set(sql, count);
      return '';
    }
    counts.delete(sql);
    const name = `lifeline_${kind}_${names.size}`;
    names.set(sql, name);
    return name;
  };
}
