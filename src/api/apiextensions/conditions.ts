/**
 * What the status of a definition has to say, given the others of its group.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/controller: status/naming_controller.go,
 * establish/establishing_controller.go, nonstructuralschema, apiapproval, finalizer/crd_finalizer.go.
 */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from '#api/gen/apiextensions-v1.ts';
import { equalValues } from '../meta/equal.ts';
import { type FieldError, fieldPath, invalidValue } from '../meta/field.ts';
import { compilePlain } from '../structural/compile-schema.ts';
import { SchemaError } from '../structural/structural-schema.ts';
import { validateStructure } from '../structural/structure.ts';
import { approvalOf, isProtectedGroup } from './api-approval.ts';
import { caBundleError } from './ca-bundle.ts';
import {
  type Condition,
  findCondition,
  sameCondition,
  withCondition,
  withoutCondition,
} from './condition-list.ts';

type Names = CustomResourceDefinitionNames;
/** Of a definition, the names that it has. */
export interface NamesHolder {
  readonly status?: { readonly acceptedNames?: Names };
}
type Definitions = Iterable<NamesHolder>;

export interface ConditionPlan {
  readonly acceptedNames: Names;
  readonly conditions: Condition[];
  /** Whether the status differs from what it is; without, there is nothing to write. */
  readonly changed: boolean;
}

const NO_NAMES: Names = { plural: '', kind: '' };

/** Names that definitions of the group have, this one's own too. */
function usedNames(definitions: Definitions): { resources: Set<string>; kinds: Set<string> } {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const { status } of definitions) {
    const {
      plural,
      singular = '',
      shortNames = [],
      kind,
      listKind = '',
    } = status?.acceptedNames ?? NO_NAMES;
    for (const name of [plural, singular, ...shortNames]) resources.add(name);
    for (const name of [kind, listKind]) kinds.add(name);
  }
  return { resources, kinds };
}

function conflict(asked: string, accepted: string, used: ReadonlySet<string>): string | undefined {
  if (asked === accepted || !used.has(asked)) return undefined;
  return `${JSON.stringify(asked)} is already in use`;
}

/** The short names that others have, as Go joins several errors. */
function shortNameConflict(
  asked: readonly string[],
  accepted: readonly string[],
  used: ReadonlySet<string>,
): string | undefined {
  const bad = asked
    .filter((name) => !accepted.includes(name))
    .flatMap((name) => conflict(name, '', used) ?? []);
  const texts = [...new Set(bad)];
  return texts.length > 1 ? `[${texts.join(', ')}]` : texts[0];
}

/** The names that are free or had before, and what is to be said of them. */
function planNames(
  definition: CustomResourceDefinition,
  others: Definitions,
): { readonly acceptedNames: Names; readonly condition: Condition } {
  const asked = definition.spec?.names ?? NO_NAMES;
  const had = definition.status?.acceptedNames ?? NO_NAMES;
  const { resources, kinds } = usedNames([definition, ...others]);
  const accepted: Names = { ...had };
  let failure: { reason: string; message: string } | undefined;
  const judge = (reason: string, message: string | undefined, accept: () => void): void => {
    if (message === undefined) accept();
    // The last conflict is the one that is told.
    else failure = { reason, message };
  };
  judge('PluralConflict', conflict(asked.plural, had.plural, resources), () => {
    accepted.plural = asked.plural;
  });
  for (const [field, reason, used] of [
    ['singular', 'SingularConflict', resources],
    ['shortNames', 'ShortNamesConflict', resources],
    ['kind', 'KindConflict', kinds],
    ['listKind', 'ListKindConflict', kinds],
  ] as const) {
    const message =
      field === 'shortNames'
        ? shortNameConflict(asked.shortNames ?? [], had.shortNames ?? [], used)
        : conflict(asked[field] ?? '', had[field] ?? '', used);
    judge(reason, message, () => copyName(accepted, asked, field));
  }
  copyName(accepted, asked, 'categories');
  const condition: Condition =
    failure === undefined
      ? {
          type: 'NamesAccepted',
          status: 'True',
          reason: 'NoConflicts',
          message: 'no conflicts found',
        }
      : { type: 'NamesAccepted', status: 'False', ...failure };
  return { acceptedNames: accepted, condition };
}

function copyName<K extends keyof Names>(to: Names, from: Names, field: K): void {
  if (from[field] === undefined) delete to[field];
  else to[field] = from[field];
}

/** The condition of the first naming, before the resource is served. */
function planInstalling(old: Condition | undefined, accepted: boolean): Condition {
  if (old?.status !== 'True' && accepted) {
    return {
      type: 'Established',
      status: 'False',
      reason: 'Installing',
      message: 'the initial names have been accepted',
    };
  }
  return (
    old ?? {
      type: 'Established',
      status: 'False',
      reason: 'NotAccepted',
      message: 'not all names are accepted',
    }
  );
}

/** What Go joins of several errors. */
function aggregate(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map((error) => error.text()))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

/** Undefined when every schema is structural. */
function planStructure(spec: Partial<CustomResourceDefinitionSpec>): Condition | undefined {
  const type = 'NonStructuralSchema';
  const errors: FieldError[] = [];
  const at = fieldPath('spec');
  if (spec.preserveUnknownFields === true) {
    errors.push(invalidValue(at.child('preserveUnknownFields'), true, 'must be false'));
  }
  for (const [i, { name, schema }] of (spec.versions ?? []).entries()) {
    if (schema?.openAPIV3Schema === undefined) continue;
    try {
      const where = at.child('versions').index(i).child('schema', 'openAPIV3Schema');
      errors.push(...validateStructure(compilePlain(schema.openAPIV3Schema), where));
    } catch (error) {
      if (!(error instanceof SchemaError)) throw error;
      const message = `failed to check validation schema for version ${name}: ${error.message}`;
      return { type, status: 'Unknown', reason: 'StructuralError', message };
    }
  }
  if (errors.length === 0) return undefined;
  return { type, status: 'True', reason: 'Violations', message: aggregate(errors) };
}

/** Undefined when the group needs no approval. */
function planApproval(definition: CustomResourceDefinition): Condition | undefined {
  if (!isProtectedGroup(definition.spec?.group ?? '')) return undefined;
  const { state, reason: message } = approvalOf(definition);
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const reasons = {
    invalid: 'InvalidAnnotation',
    missing: 'MissingAnnotation',
    approved: 'ApprovedAnnotation',
    bypassed: 'UnapprovedAnnotation',
  };
  return { type, status: state === 'approved' ? 'True' : 'False', reason: reasons[state], message };
}

/**
 * Names, NonStructuralSchema and approval: what can be said as soon as the definition is known.
 * `others`: the rest of the group, with the names that they have. `now`: RFC 3339. Established stays
 * false (`Installing`) until the resource is served: see `planEstablished`.
 */
export function planConditions(
  definition: CustomResourceDefinition,
  others: Definitions,
  now: string,
): ConditionPlan {
  const before = definition.status?.conditions ?? [];
  const had = definition.status?.acceptedNames ?? NO_NAMES;
  let conditions: Condition[] = [...before];
  let acceptedNames = had;
  if (!equalValues(definition.spec?.names, had)) {
    const named = planNames(definition, others);
    const old = findCondition(before, 'NamesAccepted');
    if (!equalValues(named.acceptedNames, had) || !sameCondition(named.condition, old)) {
      acceptedNames = named.acceptedNames;
      const accepted = named.condition.status === 'True';
      const established = planInstalling(findCondition(before, 'Established'), accepted);
      conditions = withCondition(conditions, named.condition, now);
      conditions = withCondition(conditions, established, now);
    }
  }
  const structure = planStructure(definition.spec ?? {});
  conditions =
    structure === undefined
      ? withoutCondition(conditions, 'NonStructuralSchema')
      : replaced(conditions, structure, now);
  const approval = planApproval(definition);
  if (approval !== undefined) conditions = replaced(conditions, approval, now);
  const changed = !equalValues(conditions, before) || !equalValues(acceptedNames, had);
  return { acceptedNames, conditions, changed };
}

function replaced(conditions: Condition[], condition: Condition, now: string): Condition[] {
  const old = findCondition(conditions, condition.type);
  return sameCondition(old, condition) ? conditions : withCondition(conditions, condition, now);
}

/** The conditions once the resource can be served; undefined when there is nothing to write. */
export function planEstablished(
  { spec, status }: CustomResourceDefinition,
  now: string,
): Condition[] | undefined {
  const conditions = status?.conditions ?? [];
  if (findCondition(conditions, 'NamesAccepted')?.status !== 'True') return undefined;
  if (findCondition(conditions, 'Established')?.status === 'True') return undefined;
  const caBundle = spec?.conversion?.webhook?.clientConfig?.caBundle;
  const bad = spec?.conversion?.strategy === 'Webhook' && caBundle && caBundleError(caBundle);
  const condition: Condition = bad
    ? {
        type: 'Established',
        status: 'False',
        reason: 'InvalidCABundle',
        message: 'The conversion webhook CABundle is invalid',
      }
    : {
        type: 'Established',
        status: 'True',
        reason: 'InitialNamesAccepted',
        message: 'the initial names have been accepted',
      };
  const next = withCondition(conditions, condition, now);
  return equalValues(next, conditions) ? undefined : next;
}

const TERMINATING = {
  deleting: ['True', 'InstanceDeletionInProgress', 'CustomResource deletion is in progress'],
  /** Its objects are a built-in resource's. */
  overlaps: [
    'False',
    'OverlappingBuiltInResource',
    'instances overlap with built-in resources in storage',
  ],
  neverServed: ['False', 'NeverEstablished', 'resource was never established'],
  done: ['False', 'InstanceDeletionCompleted', 'removed all instances'],
} as const;

/** What is said while the objects of a deleted definition go. */
export function terminatingCondition(state: keyof typeof TERMINATING): Condition {
  const [status, reason, message] = TERMINATING[state];
  return { type: 'Terminating', status, reason, message };
}

/** Its objects could not be deleted, or not all are gone in time; it will be tried again. */
export function deletionFailed(
  reason: 'InstanceDeletionFailed' | 'InstanceDeletionCheck',
  message: string,
): Condition {
  return { type: 'Terminating', status: 'True', reason, message };
}
