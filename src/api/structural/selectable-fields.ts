/**
 * Field selectors of custom resources.
 *
 * Source: KEP-4358; upstream v1.36 apiextensions-apiserver/pkg/registry/customresource/strategy.go.
 */
import type { SelectableField } from '#api/gen/apiextensions-v1.ts';
import { goText } from '../meta/json.ts';
import { JsonPath } from '../meta/json-path.ts';
import type { Json, KubeObject } from '../meta/object.ts';

/**
 * What a kind's `selectableFields` is: for each field (`spec.color`) how an object has it. A field
 * that is absent or null is the empty text.
 */
export function selectableFields(
  fields: readonly SelectableField[] | undefined,
): Record<string, (object: KubeObject) => string> {
  const found: Record<string, (object: KubeObject) => string> = {};
  for (const { jsonPath } of fields ?? []) {
    const path = new JsonPath(`{${jsonPath}}`, { allowMissing: true });
    found[jsonPath.replace(/^\./, '')] = (object) => {
      const value = path.find(object as Json)[0]?.[0];
      return value === undefined || value === null ? '' : goText(value);
    };
  }
  return found;
}
