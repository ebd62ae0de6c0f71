/**
 * Field selectors as texts: `metadata.name=web,status.phase!=Running`.
 *
 * Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/ and
 * upstream staging/src/k8s.io/apimachinery/pkg/fields/selector.go for the grammar and its messages.
 */
import { SelectorSyntaxError } from './selector-parser.ts';

/** One term of a field selector: `status.phase!=Running`. */
export interface FieldTerm {
  readonly field: string;
  readonly equal: boolean;
  readonly value: string;
}

/** Parses `a=b,c!=d`; a backslash escapes `,`, `=` and itself. Throws SelectorSyntaxError. */
export function parseFieldSelector(text: string): readonly FieldTerm[] {
  // Each term is characters and escaped characters; a lone backslash may end it.
  const terms = text.match(/(?:[^\\,]|\\.|\\$)+/gs) ?? [];
  return terms.toSorted().map((term) => {
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    if (match === null) {
      throw new SelectorSyntaxError(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    const [, field = '', operator, value = ''] = match;
    return { field, equal: operator !== '!=', value: unescape(value) };
  });
}

function unescape(value: string): string {
  return value.replace(/\\(.?)|[,=]/gs, (found: string, escaped: string | undefined) => {
    if (escaped === undefined) {
      const rune = found.codePointAt(0);
      throw new SelectorSyntaxError(
        `invalid field selector: unescaped character in value: ${rune}`,
      );
    }
    if (escaped === '\\' || escaped === ',' || escaped === '=') return escaped;
    throw new SelectorSyntaxError(`invalid field selector: invalid escape sequence: ${found}`);
  });
}
