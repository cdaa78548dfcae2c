import { Kind, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

/** Whether a document asks for nothing of a field's object but fields of these names. */
export function asksOnly(names: ReadonlySet<string>, { fieldNodes, fragments }: GraphQLResolveInfo): boolean {
  return fieldNodes.every(isWithin);

  function isWithin(part: { selectionSet?: SelectionSetNode | undefined } | undefined): boolean {
    return (part?.selectionSet?.selections ?? []).every((selection) => {
      switch (selection.kind) {
        case Kind.FIELD:
          return names.has(selection.name.value);
        case Kind.FRAGMENT_SPREAD:
          return isWithin(fragments[selection.name.value]);
        case Kind.INLINE_FRAGMENT:
          return isWithin(selection);
      }
    });
  }
}
