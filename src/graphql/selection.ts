import { Kind, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

type Fields = Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>;

/** Whether a document asks for nothing of a field's object but fields of these names. */
export const asksOnly = (names: ReadonlySet<string>, fields: Fields): boolean =>
  everyField(fields, (name) => names.has(name));

/** Whether a document asks for the field of that name of a field's object. */
export const asks = (wanted: string, fields: Fields): boolean => !everyField(fields, (name) => name !== wanted);

function everyField({ fieldNodes, fragments }: Fields, isSo: (name: string) => boolean): boolean {
  return fieldNodes.every(isWithin);

  function isWithin(part: { selectionSet?: SelectionSetNode | undefined } | undefined): boolean {
    return (part?.selectionSet?.selections ?? []).every((selection) => {
      switch (selection.kind) {
        case Kind.FIELD:
          return isSo(selection.name.value);
        case Kind.FRAGMENT_SPREAD:
          return isWithin(fragments[selection.name.value]);
        case Kind.INLINE_FRAGMENT:
          return isWithin(selection);
      }
    });
  }
}
