/**
 * What the arguments of plug-ins may say, with upstream's field paths and messages.
 *
 * Those of NodeResourcesFit are looked at where the plug-in is made, as upstream's are: its table of
 * validations has them under a wrong name. Source: upstream v1.36
 * pkg/scheduler/apis/config/validation/validation_pluginargs.go.
 */
import { parseDuration } from '#api/codec/duration.ts';
import type {
  NodeSelectorRequirement,
  NodeSelectorTerm,
  TopologySpreadConstraint,
} from '#api/gen/core-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '#api/meta/field.ts';
import { markSent } from '#api/meta/json.ts';
import { isQualifiedName } from '#api/meta/names.ts';
import type { ArgsByPlugin, ShapePoint } from './types.ts';

type Validators = {
  readonly [N in keyof ArgsByPlugin]?: (args: ArgsByPlugin[N], at: FieldPath) => FieldError[];
};

const VALIDATORS: Validators = {
  DefaultPreemption: validateDefaultPreemption,
  DynamicResources: validateDynamicResources,
  InterPodAffinity: ({ hardPodAffinityWeight: weight }, at) =>
    outside(at.child('hardPodAffinityWeight'), weight, 100),
  NodeAffinity: validateNodeAffinity,
  NodeResourcesBalancedAllocation: validateBalancedAllocation,
  PodTopologySpread: validateTopologySpread,
  VolumeBinding({ bindTimeoutSeconds, shape }, at) {
    const errors =
      bindTimeoutSeconds < 0
        ? [
            invalidValue(
              at.child('bindTimeoutSeconds'),
              bindTimeoutSeconds,
              'invalid BindTimeoutSeconds, should not be a negative value',
            ),
          ]
        : [];
    const detail =
      'unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring';
    return shape === undefined
      ? errors
      : [...errors, invalidValue(at.child('shape'), internalForm(shape), detail)];
  },
};

/** As upstream prints a shape: its type inside has no names for JSON. */
function internalForm(shape: readonly ShapePoint[]): object {
  return markSent(
    shape.map(({ utilization, score }) => ({ Utilization: utilization, Score: score })),
  );
}

/** Nothing for plug-ins that are not known. */
export function validateArgs(name: string, args: unknown, at: FieldPath): FieldError[] {
  const validate = (
    VALIDATORS as Record<string, ((args: unknown, at: FieldPath) => FieldError[]) | undefined>
  )[name];
  return args === undefined ? [] : (validate?.(args, at) ?? []);
}

function outside(at: FieldPath, value: number, max: number): FieldError[] {
  return value < 0 || value > max
    ? [invalidValue(at, value, `not in valid range [0, ${max}]`)]
    : [];
}

function validateDefaultPreemption(
  {
    minCandidateNodesPercentage: percent,
    minCandidateNodesAbsolute: absolute,
  }: ArgsByPlugin['DefaultPreemption'],
  at: FieldPath,
): FieldError[] {
  const [share, count] = [
    at.child('minCandidateNodesPercentage'),
    at.child('minCandidateNodesAbsolute'),
  ];
  const errors = outside(share, percent, 100);
  if (absolute < 0) errors.push(invalidValue(count, absolute, 'not in valid range [0, inf)'));
  if (percent !== 0 || absolute !== 0) return errors;
  const both = 'cannot be zero at the same time as';
  return [
    ...errors,
    invalidValue(share, percent, `${both} minCandidateNodesAbsolute`),
    invalidValue(count, absolute, `${both} minCandidateNodesPercentage`),
  ];
}

const SECOND_NANOS = 1e9;

function validateDynamicResources(
  { filterTimeout, bindingTimeout }: ArgsByPlugin['DynamicResources'],
  at: FieldPath,
): FieldError[] {
  return [
    ...(parseDuration(filterTimeout) < 0
      ? [invalidValue(at.child('filterTimeout'), filterTimeout, 'must be zero or positive')]
      : []),
    ...(parseDuration(bindingTimeout) < SECOND_NANOS
      ? [invalidValue(at.child('bindingTimeout'), bindingTimeout, 'must be at least 1 second')]
      : []),
  ];
}

function validateBalancedAllocation(
  { resources }: ArgsByPlugin['NodeResourcesBalancedAllocation'],
  at: FieldPath,
): FieldError[] {
  const seen = new Set<string>();
  return resources.flatMap(({ name, weight }, i) => {
    const here = at.child('resources').index(i);
    const errors = seen.has(name) ? [duplicate(here.child('name'), name)] : [];
    seen.add(name);
    if (weight !== 1) errors.push(invalidValue(here.child('weight'), weight, 'must be 1'));
    return errors;
  });
}

const DEFAULTING = ['System', 'List'];
const WHEN = ['DoNotSchedule', 'ScheduleAnyway'];

function validateTopologySpread(
  { defaultingType, defaultConstraints = [] }: ArgsByPlugin['PodTopologySpread'],
  at: FieldPath,
): FieldError[] {
  const type = at.child('defaultingType');
  const errors: FieldError[] = [];
  if (!DEFAULTING.includes(defaultingType))
    errors.push(notSupported(type, defaultingType, DEFAULTING));
  else if (defaultingType === 'System' && defaultConstraints.length > 0)
    errors.push(invalidValue(type, defaultingType, 'when .defaultConstraints are not empty'));
  const where = at.child('defaultConstraints');
  for (const [i, constraint] of defaultConstraints.entries()) {
    errors.push(...validateConstraint(constraint, where.index(i)));
    const { topologyKey, whenUnsatisfiable } = constraint;
    const isRepeated = defaultConstraints
      .slice(0, i)
      .some(
        (each) => each.topologyKey === topologyKey && each.whenUnsatisfiable === whenUnsatisfiable,
      );
    if (isRepeated)
      errors.push(duplicate(where.index(i), `{${topologyKey}, ${whenUnsatisfiable}}`));
  }
  return errors;
}

function validateConstraint(constraint: TopologySpreadConstraint, at: FieldPath): FieldError[] {
  const { maxSkew, topologyKey, labelSelector } = constraint;
  // Absent, it is empty.
  const whenUnsatisfiable: string = constraint.whenUnsatisfiable;
  const [key, when] = [at.child('topologyKey'), at.child('whenUnsatisfiable')];
  const errors: FieldError[] = [];
  if (maxSkew <= 0)
    errors.push(invalidValue(at.child('maxSkew'), maxSkew, 'not in valid range (0, inf)'));
  if (topologyKey === '') errors.push(required(key, 'can not be empty'));
  else errors.push(...labelName(topologyKey, key));
  if (whenUnsatisfiable === '') errors.push(required(when, 'can not be empty'));
  else if (!WHEN.includes(whenUnsatisfiable))
    errors.push(notSupported(when, whenUnsatisfiable, WHEN));
  if (labelSelector !== undefined)
    errors.push(
      forbiddenField(
        at.child('labelSelector'),
        'constraint must not define a selector, as they deduced for each pod',
      ),
    );
  return errors;
}

const labelName = (name: string, at: FieldPath): FieldError[] =>
  isQualifiedName(name).map((detail) => invalidValue(at, name, detail));

function validateNodeAffinity(
  { addedAffinity }: ArgsByPlugin['NodeAffinity'],
  at: FieldPath,
): FieldError[] {
  const here = at.child('addedAffinity');
  const must = here.child('requiredDuringSchedulingIgnoredDuringExecution');
  const may = here.child('preferredDuringSchedulingIgnoredDuringExecution');
  const terms = addedAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  const wishes = addedAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...(terms ?? []).flatMap((term, i) =>
      validateTerm(term, must.child('nodeSelectorTerms').index(i)),
    ),
    // What has no weight counts for nothing, and is not looked at.
    ...wishes.flatMap(({ weight, preference }, i) =>
      weight === undefined || weight === 0 ? [] : validateTerm(preference, may.index(i)),
    ),
  ];
}

function validateTerm(term: NodeSelectorTerm, at: FieldPath): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((each, i) =>
      validateRequirement(each, at.child('matchExpressions').index(i)),
    ),
    ...(term.matchFields ?? []).flatMap((each, i) =>
      validateFieldRequirement(each, at.child('matchFields').index(i)),
    ),
  ];
}

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'];

function validateRequirement(
  { key, operator, values = [] }: NodeSelectorRequirement,
  at: FieldPath,
): FieldError[] {
  if (!OPERATORS.includes(operator))
    return [notSupported(at.child('operator'), operator, OPERATORS)];
  const errors = labelName(key, at.child('key'));
  const bad = (detail: string): number =>
    errors.push(invalidValue(at.child('values'), values, detail));
  if (operator === 'In' || operator === 'NotIn') {
    if (values.length === 0) bad("for 'in', 'notin' operators, values set can't be empty");
  } else if (operator === 'Exists' || operator === 'DoesNotExist') {
    if (values.length > 0) bad('values set must be empty for exists and does not exist');
  } else if (values.length !== 1) {
    bad("for 'Gt', 'Lt' operators, exactly one value is required");
  } else if (!/^[+-]?\d+$/.test(values[0] ?? '')) {
    errors.push(
      invalidValue(
        at.child('values').index(0),
        values[0],
        "for 'Gt', 'Lt' operators, the value must be an integer",
      ),
    );
  }
  return errors;
}

const FIELD_OPERATORS = ['In', 'NotIn'];

function validateFieldRequirement(
  { operator, values = [] }: NodeSelectorRequirement,
  at: FieldPath,
): FieldError[] {
  if (!FIELD_OPERATORS.includes(operator))
    return [notSupported(at.child('operator'), operator, FIELD_OPERATORS)];
  return values.length === 1
    ? []
    : [invalidValue(at.child('values'), values, 'must have one element')];
}

/** Of NodeResourcesFit; `at` is the root: the plug-in does not know where its arguments stood. */
export function validateFitArgs(
  {
    ignoredResources = [],
    ignoredResourceGroups = [],
    scoringStrategy,
  }: ArgsByPlugin['NodeResourcesFit'],
  at: FieldPath,
): FieldError[] {
  const { type = '', resources = [], requestedToCapacityRatio: ratio } = scoringStrategy;
  const strategy = at.child('scoringStrategy');
  const here = strategy.child('requestedToCapacityRatio');
  const errors = [
    ...ignoredResources.flatMap((name, i) =>
      labelName(name, at.child('ignoredResources').index(i)),
    ),
    ...ignoredResourceGroups.flatMap((group, i) => {
      const where = at.child('ignoredResourceGroups').index(i);
      const slash = invalidValue(where, group, "resource group name can't contain '/'");
      return [...(group.includes('/') ? [slash] : []), ...labelName(group, where)];
    }),
  ];
  if (!STRATEGIES.includes(type))
    errors.push(notSupported(strategy.child('type'), type, STRATEGIES));
  for (const [i, { name, weight }] of resources.entries())
    if (weight <= 0 || weight > 100) {
      const detail = `resource weight of ${name} not in valid range (0, 100]`;
      errors.push(
        invalidValue(strategy.child('resources').index(i).child('weight'), weight, detail),
      );
    }
  if (type === 'RequestedToCapacityRatio') {
    const missing = 'must be specified when type is RequestedToCapacityRatio';
    if (ratio === undefined) errors.push(required(here, missing));
    else errors.push(...validateShape(ratio.shape ?? [], here.child('shape')));
  } else if (ratio !== undefined) {
    errors.push(forbiddenField(here, 'must be nil when type is not RequestedToCapacityRatio'));
  }
  return errors;
}

const STRATEGIES = ['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio'];

function validateShape(shape: readonly ShapePoint[], at: FieldPath): FieldError[] {
  if (shape.length === 0) return [required(at, 'at least one point must be specified')];
  const unsorted = shape.findIndex(
    ({ utilization }, i) => i > 0 && (shape[i - 1]?.utilization ?? 0) >= utilization,
  );
  return [
    ...(unsorted === -1
      ? []
      : [
          invalidValue(
            at.index(unsorted).child('utilization'),
            shape[unsorted]?.utilization,
            'values must be sorted in increasing order',
          ),
        ]),
    ...shape.flatMap(({ utilization, score }, i) => [
      ...outside(at.index(i).child('utilization'), utilization, 100),
      ...outside(at.index(i).child('score'), score, 10),
    ]),
  ];
}
