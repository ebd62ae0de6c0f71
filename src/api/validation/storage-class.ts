/** Classes of volumes. Upstream: pkg/apis/storage/validation/validation.go. */
import type { TopologySelectorLabelRequirement, TopologySelectorTerm } from '#api/gen/core-v1.ts';
import type { StorageClass, VolumeAttributesClass } from '#api/gen/storage-v1.ts';
import { equalValues } from '../meta/equal.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  required,
  tooLong,
} from '../meta/field.ts';
import { optionalOneOf, pointerOneOf, present, qualifiedName } from './common.ts';
import { immutable } from './metadata.ts';

const PARAMETERS_MAX = 512;
const PARAMETERS_BYTES_MAX = 256 * 1024;
const RECLAIM_POLICIES = ['Delete', 'Retain'];
const BINDING_MODES = ['Immediate', 'WaitForFirstConsumer'];
const FIXED = ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const;

type Parameters = Readonly<Record<string, string>> | undefined;

function validateProvisioner(name: string | undefined, at: FieldPath): FieldError[] {
  return name ? qualifiedName(name.toLowerCase(), at) : [required(at)];
}

function validateParameters(parameters: Parameters, allowEmpty: boolean): FieldError[] {
  const at = fieldPath('parameters');
  const entries = Object.entries(parameters ?? {});
  if (entries.length > PARAMETERS_MAX) return [tooLong(at, PARAMETERS_MAX)];
  const errors: FieldError[] = [];
  if (entries.some(([key]) => key === '')) {
    errors.push(invalidValue(at, '', 'field can not be empty.'));
  }
  const bytes = entries.reduce((sum, pair) => sum + Buffer.byteLength(pair.join('')), 0);
  if (bytes > PARAMETERS_BYTES_MAX) errors.push(tooLong(at, PARAMETERS_BYTES_MAX));
  if (!allowEmpty && entries.length === 0) {
    errors.push(required(at, 'must contain at least one key/value pair'));
  }
  return errors;
}

function validateTerm(
  { matchLabelExpressions = [] }: TopologySelectorTerm,
  at: FieldPath,
): FieldError[] {
  const keys = new Set<string>();
  return matchLabelExpressions.flatMap(
    ({ key = '', values = [] }: Partial<TopologySelectorLabelRequirement>, i) => {
      const here = at.child('matchLabelExpressions').index(i);
      const list = here.child('values');
      const errors = present(values, list);
      for (const [j, value] of values.entries()) {
        if (values.indexOf(value) < j) errors.push(duplicate(list.index(j), value));
      }
      errors.push(...qualifiedName(key, here.child('key')));
      if (keys.has(key)) errors.push(duplicate(here.child('key'), key));
      keys.add(key);
      return errors;
    },
  );
}

/** Each key of a term with its values, in an order that does not matter. */
function termIdentity({ matchLabelExpressions = [] }: TopologySelectorTerm): string {
  const pairs = matchLabelExpressions.map(
    ({ key = '', values = [] }: Partial<TopologySelectorLabelRequirement>) =>
      [key, values.toSorted()] as const,
  );
  return JSON.stringify(pairs.toSorted(([left], [right]) => (left < right ? -1 : 1)));
}

function validateTopologies(terms: readonly TopologySelectorTerm[]): FieldError[] {
  const at = fieldPath('allowedTopologies');
  // As many empty terms as there are come first: upstream makes its list so.
  const seen = terms.map(() => termIdentity({}));
  return terms.flatMap((term, i) => {
    const here = at.index(i);
    const errors = validateTerm(term, here);
    const identity = termIdentity(term);
    for (const other of seen)
      if (other === identity) errors.push(duplicate(here.child('matchLabelExpressions'), ''));
    seen.push(identity);
    return errors;
  });
}

export function validateStorageClass(object: StorageClass): FieldError[] {
  return [
    ...validateProvisioner(object.provisioner, fieldPath('provisioner')),
    ...validateParameters(object.parameters, true),
    ...optionalOneOf(
      object.reclaimPolicy || undefined,
      RECLAIM_POLICIES,
      fieldPath('reclaimPolicy'),
    ),
    ...pointerOneOf(object.volumeBindingMode, BINDING_MODES, fieldPath('volumeBindingMode')),
    ...validateTopologies(object.allowedTopologies ?? []),
  ];
}

export function validateStorageClassUpdate(next: StorageClass, old: StorageClass): FieldError[] {
  return FIXED.flatMap((field) => immutable(next[field], old[field], fieldPath(field)));
}

export function validateVolumeAttributesClass(object: VolumeAttributesClass): FieldError[] {
  return [
    ...validateProvisioner(object.driverName, fieldPath('driverName')),
    ...validateParameters(object.parameters, false),
  ];
}

export function validateVolumeAttributesClassUpdate(
  next: VolumeAttributesClass,
  old: VolumeAttributesClass,
): FieldError[] {
  return (['driverName', 'parameters'] as const)
    .filter((field) => !equalValues(next[field], old[field]))
    .map((field) => forbiddenField(field, `updates to ${field} are forbidden.`));
}
