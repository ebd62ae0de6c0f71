/** Node selectors and affinities. Upstream: pkg/apis/core/validation/validation.go. */
import type {
  Affinity,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinity,
  PodAffinityTerm,
} from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { isLabelValue, nameIsDnsLabel, nameIsDnsSubdomain } from '../meta/names.ts';
import type { LabelSelector } from '../meta/object.ts';
import { qualifiedName } from './common.ts';
import { invalidAll, validateLabelSelector } from './metadata.ts';

const WEIGHT_MAX = 100;

function validateRequirement(
  requirement: Partial<NodeSelectorRequirement>,
  at: FieldPath,
  checkValues: boolean,
): FieldError[] {
  const { key = '', operator, values = [] } = requirement;
  const where = at.child('values');
  const errors: FieldError[] = [];
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0)
      errors.push(required(where, "must be specified when `operator` is 'In' or 'NotIn'"));
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) {
      errors.push(
        forbiddenField(where, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
      );
    }
  } else if (operator === 'Gt' || operator === 'Lt') {
    if (values.length !== 1) {
      errors.push(
        required(where, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
      );
    }
  } else
    errors.push(
      invalidValue(at.child('operator'), operator ?? '', 'not a valid selector operator'),
    );
  errors.push(...qualifiedName(key, at.child('key')));
  if (checkValues)
    errors.push(
      ...values.flatMap((value, i) => invalidAll(where.index(i), value, isLabelValue(value))),
    );
  return errors;
}

function validateFieldRequirement(
  requirement: Partial<NodeSelectorRequirement>,
  at: FieldPath,
): FieldError[] {
  const { key = '', operator, values = [] } = requirement;
  const errors: FieldError[] = [];
  if (operator !== 'In' && operator !== 'NotIn') {
    errors.push(
      invalidValue(at.child('operator'), operator ?? '', 'not a valid selector operator'),
    );
  } else if (values.length !== 1) {
    const detail =
      "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
    errors.push(required(at.child('values'), detail));
  }
  if (key !== 'metadata.name') {
    return [...errors, invalidValue(at.child('key'), key, 'not a valid field selector key')];
  }
  const bad = values.flatMap((value, i) =>
    invalidAll(at.child('values').index(i), value, nameIsDnsSubdomain(value, false)),
  );
  return [...errors, ...bad];
}

function validateTerm(
  term: NodeSelectorTerm | undefined,
  at: FieldPath,
  checkValues: boolean,
): FieldError[] {
  return [
    ...(term?.matchExpressions ?? []).flatMap((requirement, i) =>
      validateRequirement(requirement, at.child('matchExpressions').index(i), checkValues),
    ),
    ...(term?.matchFields ?? []).flatMap((requirement, i) =>
      validateFieldRequirement(requirement, at.child('matchFields').index(i)),
    ),
  ];
}

export function validateNodeSelector(selector: NodeSelector, at: FieldPath): FieldError[] {
  const where = at.child('nodeSelectorTerms');
  const terms = selector.nodeSelectorTerms ?? [];
  if (terms.length === 0) return [required(where, 'must have at least one node selector term')];
  return terms.flatMap((term, i) => validateTerm(term, where.index(i), true));
}

function validateWeight(weight: number | undefined, at: FieldPath): FieldError[] {
  const value = weight ?? 0;
  return value > 0 && value <= WEIGHT_MAX
    ? []
    : [invalidValue(at.child('weight'), value, 'must be in the range 1-100')];
}

interface LabelKeys {
  readonly matchLabelKeys?: readonly string[];
  readonly mismatchLabelKeys?: readonly string[];
  readonly labelSelector?: LabelSelector;
}

/** `matchLabelKeys` need a selector, and no key that the selector names already. */
export function validateLabelKeys(
  { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector }: LabelKeys,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [field, keys] of Object.entries({ matchLabelKeys, mismatchLabelKeys })) {
    const where = at.child(field);
    if (keys.length > 0 && labelSelector === undefined) {
      errors.push(forbiddenField(where, 'must not be specified when labelSelector is not set'));
    } else errors.push(...keys.flatMap((key, i) => qualifiedName(key, where.index(i))));
  }
  const seen = new Set(Object.keys(labelSelector?.matchLabels ?? {}));
  for (const { key } of labelSelector?.matchExpressions ?? []) {
    const position = matchLabelKeys.lastIndexOf(key);
    if (position >= 0 && seen.has(key)) {
      errors.push(
        invalidValue(at.index(position), key, 'exists in both matchLabelKeys and labelSelector'),
      );
    }
    seen.add(key);
  }
  for (const [i, key] of matchLabelKeys.entries()) {
    if (!mismatchLabelKeys.includes(key)) continue;
    const where = at.child('matchLabelKeys').index(i);
    errors.push(invalidValue(where, key, 'exists in both matchLabelKeys and mismatchLabelKeys'));
  }
  return errors;
}

function validatePodTerm(asked: Partial<PodAffinityTerm> | undefined, at: FieldPath): FieldError[] {
  const term = asked ?? {};
  const { topologyKey = '', namespaces = [] } = term;
  return [
    ...validateLabelSelector(term.labelSelector, at.child('labelSelector')),
    ...validateLabelSelector(term.namespaceSelector, at.child('namespaceSelector')),
    ...namespaces.flatMap((name) =>
      invalidAll(at.child('namespace'), name, nameIsDnsLabel(name, false)),
    ),
    ...validateLabelKeys(term, at),
    ...(topologyKey === '' ? [required(at.child('topologyKey'), 'can not be empty')] : []),
    ...qualifiedName(topologyKey, at.child('topologyKey')),
  ];
}

function validatePodAffinity(affinity: PodAffinity | undefined, at: FieldPath): FieldError[] {
  const must = at.child('requiredDuringSchedulingIgnoredDuringExecution');
  const may = at.child('preferredDuringSchedulingIgnoredDuringExecution');
  return [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, i) =>
      validatePodTerm(term, must.index(i)),
    ),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, i) => [
      ...validateWeight(term.weight, may.index(i)),
      ...validatePodTerm(term.podAffinityTerm, may.index(i).child('podAffinityTerm')),
    ]),
  ];
}

export function validateAffinity(affinity: Affinity | undefined, at: FieldPath): FieldError[] {
  const node = affinity?.nodeAffinity;
  const here = at.child('nodeAffinity');
  const must = node?.requiredDuringSchedulingIgnoredDuringExecution;
  const may = here.child('preferredDuringSchedulingIgnoredDuringExecution');
  return [
    ...(must === undefined
      ? []
      : validateNodeSelector(must, here.child('requiredDuringSchedulingIgnoredDuringExecution'))),
    ...(node?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(
      ({ weight, preference }, i) => [
        ...validateWeight(weight, may.index(i)),
        ...validateTerm(preference, may.index(i).child('preference'), false),
      ],
    ),
    ...validatePodAffinity(affinity?.podAffinity, at.child('podAffinity')),
    ...validatePodAffinity(affinity?.podAntiAffinity, at.child('podAntiAffinity')),
  ];
}
