/**
 * A selector that names values of labels (`a=b,c=d`), as a map.
 *
 * Source: upstream staging/src/k8s.io/apimachinery/pkg/labels/labels.go, v1.36
 * (ConvertSelectorToLabelsMap, Conflicts).
 */
import { type FieldError, invalidValue } from '#api/meta/field.ts';
import { isLabelValue, isQualifiedName } from '#api/meta/names.ts';
import { plainError } from '#api/meta/status.ts';

type Labels = Readonly<Record<string, string>>;

/** Upstream gives no path, which Go prints so. */
const NOWHERE = '<nil>';

/** Throws a plain error, as upstream, where the text is no such selector. */
export function labelMapOf(text: string): Labels {
  if (text === '') return {};
  return Object.fromEntries(
    text.split(',').map((term) => {
      const parts = term.split('=');
      if (parts.length !== 2) throw plainError(`invalid selector: [${parts.join(' ')}]`);
      const [key = '', value = ''] = parts.map((part) => part.trim());
      refuse(key, isQualifiedName(key));
      refuse(value, isLabelValue(value));
      return [key, value];
    }),
  );
}

function refuse(text: string, problems: readonly string[]): void {
  if (problems.length === 0) return;
  const error: FieldError = invalidValue(NOWHERE, text, problems.join('; '));
  throw plainError(error.text());
}

/** Whether they have different values of a label. */
export function labelsConflict(one: Labels, other: Labels): boolean {
  return Object.entries(one).some(
    ([key, value]) => other[key] !== undefined && other[key] !== value,
  );
}
