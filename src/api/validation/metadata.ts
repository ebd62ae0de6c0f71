/**
 * Validation of metadata, labels, annotations and label selectors, of any kind.
 *
 * Source: upstream staging/src/k8s.io/apimachinery/pkg/api/validation/objectmeta.go and
 * pkg/apis/meta/v1/validation/validation.go.
 */
import { equalValues } from '../meta/equal.ts';
import {
  duplicate,
  type FieldError,
  fieldPath,
  type FieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
  tooLong,
} from '../meta/field.ts';
import type { KubeObject, LabelSelector, ObjectMeta, OwnerReference } from '../meta/object.ts';
import type { AnyKind } from '../kind.ts';
import {
  isLabelValue,
  isQualifiedName,
  nameIsDnsLabel,
  nameIsDnsSubdomain,
} from '../meta/names.ts';
import { goForm } from '../schema/go-form.ts';

/** All keys and values of the annotations of one object together. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024;
const FIELD_MANAGER_MAX = 128;
const SUBRESOURCE_NAME_MAX = 256;

type StringMap = Readonly<Record<string, string>> | undefined;
type NameRule = (name: string, prefix: boolean) => string[];
type MetaKind = Pick<AnyKind, 'namespaced' | 'validateName'> &
  Partial<Pick<AnyKind, 'group' | 'custom' | 'hasFreeFinalizers'>>;

export const IMMUTABLE = 'field is immutable';
export const NEGATIVE = 'must be greater than or equal to 0';

/**
 * `field is immutable` unless the two are equal as JSON. `type`: the OpenAPI model name of a struct,
 * or `text` for one that is no pointer: the message shows it as Go has it.
 */
export function immutable(
  next: unknown,
  old: unknown,
  at: FieldPath,
  type?: `io.k8s.${string}` | 'text',
): FieldError[] {
  if (equalValues(next, old)) return [];
  const shown = type === undefined ? next : type === 'text' ? (next ?? '') : goForm(type, next);
  return [invalidValue(at, shown, IMMUTABLE)];
}

export function nonnegative(value: number | undefined, at: FieldPath): FieldError[] {
  return value !== undefined && value < 0 ? [invalidValue(at, value, NEGATIVE)] : [];
}

/** Each sentence of `messages` as an error of the value at `at`. */
export function invalidAll(
  at: FieldPath,
  value: unknown,
  messages: readonly string[],
): FieldError[] {
  return messages.map((message) => invalidValue(at, value, message));
}

export function validateLabels(labels: StringMap, at: FieldPath): FieldError[] {
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...invalidAll(at, key, isQualifiedName(key)),
    ...invalidAll(at, value, isLabelValue(value)),
  ]);
}

export function validateAnnotations(annotations: StringMap, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    errors.push(...invalidAll(at, key, isQualifiedName(key.toLowerCase())));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > ANNOTATIONS_BYTES_MAX) errors.push(tooLong(at, ANNOTATIONS_BYTES_MAX));
  return errors;
}

/** `undefined` is valid: whether a selector is needed is the kind's matter. */
export function validateLabelSelector(
  selector: LabelSelector | undefined,
  at: FieldPath,
): FieldError[] {
  if (selector === undefined) return [];
  const errors = validateLabels(selector.matchLabels, at.child('matchLabels'));
  for (const [i, { key, operator, values }] of (selector.matchExpressions ?? []).entries()) {
    const here = at.child('matchExpressions').index(i);
    if (operator === 'In' || operator === 'NotIn') {
      if ((values ?? []).length === 0) {
        errors.push(
          required(here.child('values'), "must be specified when `operator` is 'In' or 'NotIn'"),
        );
      }
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if ((values ?? []).length > 0) {
        errors.push(
          forbiddenField(
            here.child('values'),
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
          ),
        );
      }
    } else
      errors.push(
        invalidValue(here.child('operator'), operator ?? '', 'not a valid selector operator'),
      );
    errors.push(...invalidAll(here.child('key'), key ?? '', isQualifiedName(key ?? '')));
    for (const [j, value] of (values ?? []).entries()) {
      errors.push(...invalidAll(here.child('values').index(j), value, isLabelValue(value)));
    }
  }
  return errors;
}

/** Whether a selector says nothing: it would select everything. */
export function isEmptySelector(selector: LabelSelector | undefined): boolean {
  return (
    Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length ===
    0
  );
}

function validateOwner(owner: Partial<OwnerReference>, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  const { apiVersion = '', kind = '', name = '', uid = '' } = owner;
  const parts = apiVersion.split('/');
  const version = parts.length > 2 ? '' : (parts.at(-1) ?? '');
  if (version === '')
    errors.push(invalidValue(at.child('apiVersion'), apiVersion, 'version must not be empty'));
  for (const [field, value] of Object.entries({ kind, name, uid })) {
    if (value === '') errors.push(invalidValue(at.child(field), value, 'must not be empty'));
  }
  if (apiVersion === 'v1' && kind === 'Event') {
    errors.push(invalidValue(at, owner, '/v1, Kind=Event is disallowed from being an owner'));
  }
  return errors;
}

function validateOwners(owners: readonly OwnerReference[], at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  let controller = '';
  for (const owner of owners) {
    errors.push(...validateOwner(owner, at));
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller === '') controller = name;
    else {
      errors.push(
        invalidValue(
          at,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      );
    }
  }
  return errors;
}

const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion'];

/** Groups whose kinds may have finalizers of any name, as custom resources may. */
const FREE_FINALIZERS: ReadonlySet<string> = new Set([
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'coordination.k8s.io',
  'internal.apiserver.k8s.io',
  'node.k8s.io',
]);

function validateFinalizers(
  { group, custom, hasFreeFinalizers }: MetaKind,
  finalizers: readonly string[],
  at: FieldPath,
): FieldError[] {
  const errors = finalizers.flatMap((name) => invalidAll(at, name, isQualifiedName(name)));
  const isFree =
    hasFreeFinalizers === true ||
    group === undefined ||
    custom !== undefined ||
    FREE_FINALIZERS.has(group);
  for (const [i, name] of finalizers.entries()) {
    if (isFree || name.includes('/') || STANDARD_FINALIZERS.includes(name)) continue;
    errors.push(
      invalidValue(
        at.index(i),
        name,
        'name is neither a standard finalizer name nor is it fully qualified',
      ),
    );
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(
      invalidValue(at, finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'),
    );
  }
  return errors;
}

function validateManagedFields(metadata: ObjectMeta, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  for (const [i, entry] of (metadata.managedFields ?? []).entries()) {
    const here = at.index(i);
    if (entry.operation !== 'Apply' && entry.operation !== 'Update') {
      errors.push(
        invalidValue(here.child('operation'), entry.operation ?? '', 'must be `Apply` or `Update`'),
      );
    }
    if ((entry.fieldsType ?? '') !== '' && entry.fieldsType !== 'FieldsV1') {
      errors.push(invalidValue(here.child('fieldsType'), entry.fieldsType, 'must be `FieldsV1`'));
    }
    errors.push(...validateFieldManager(entry.manager ?? '', here.child('manager')));
    if ((entry.subresource ?? '').length > SUBRESOURCE_NAME_MAX) {
      errors.push(tooLong(here.child('subresource'), SUBRESOURCE_NAME_MAX));
    }
  }
  return errors;
}

/** The name of a field manager: at most 128 bytes, printable. */
export function validateFieldManager(manager: string, at: FieldPath): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > FIELD_MANAGER_MAX) errors.push(tooLong(at, FIELD_MANAGER_MAX));
  const bad = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(manager);
  if (bad !== null) {
    const code = (bad[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    errors.push(
      invalidValue(at, manager, `invalid character U+${code} (at position ${bad.index})`),
    );
  }
  return errors;
}

/** What create and update have in common. */
function validateCommon(metadata: ObjectMeta, at: FieldPath): FieldError[] {
  return [
    ...validateLabels(metadata.labels, at.child('labels')),
    ...validateAnnotations(metadata.annotations, at.child('annotations')),
    ...validateOwners(metadata.ownerReferences ?? [], at.child('ownerReferences')),
    ...validateManagedFields(metadata, at.child('managedFields')),
  ];
}

/** The metadata of a new object, after its name has been made. `at`: where the metadata is. */
export function validateObjectMeta(
  kind: MetaKind,
  object: KubeObject,
  at: FieldPath = fieldPath('metadata'),
): FieldError[] {
  const metadata = object.metadata ?? {};
  const rule: NameRule = kind.validateName ?? nameIsDnsSubdomain;
  const errors: FieldError[] = [];
  const { name = '', generateName = '' } = metadata;
  if (generateName !== '')
    errors.push(...invalidAll(at.child('generateName'), generateName, rule(generateName, true)));
  if (name === '') errors.push(required(at.child('name'), 'name or generateName is required'));
  else errors.push(...invalidAll(at.child('name'), name, rule(name, false)));
  errors.push(
    ...validateNamespaceField(kind, metadata, at),
    ...nonnegative(metadata.generation, at.child('generation')),
  );
  errors.push(...validateFinalizers(kind, metadata.finalizers ?? [], at.child('finalizers')));
  return [...errors, ...validateCommon(metadata, at)];
}

function validateNamespaceField(kind: MetaKind, metadata: ObjectMeta, at: FieldPath): FieldError[] {
  const namespace = metadata.namespace ?? '';
  if (!kind.namespaced) {
    return namespace === ''
      ? []
      : [forbiddenField(at.child('namespace'), 'not allowed on this type')];
  }
  if (namespace === '') return [required(at.child('namespace'))];
  return invalidAll(at.child('namespace'), namespace, nameIsDnsLabel(namespace, false));
}

/** The metadata of an updated object beside the stored one. */
export function validateObjectMetaUpdate(
  kind: MetaKind,
  object: KubeObject,
  stored: KubeObject,
): FieldError[] {
  const at = fieldPath('metadata');
  const next = object.metadata ?? {};
  const old = stored.metadata ?? {};
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const added = [...new Set(next.finalizers ?? [])]
      .filter((name) => !old.finalizers?.includes(name))
      .toSorted();
    if (added.length > 0) {
      const list = added.map((name) => JSON.stringify(name)).join(', ');
      errors.push(
        forbiddenField(
          at.child('finalizers'),
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        ),
      );
    }
  }
  if ((next.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(
      invalidValue(at.child('generation'), next.generation ?? 0, 'must not be decremented'),
    );
  }
  for (const field of [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const) {
    errors.push(...immutable(next[field], old[field], at.child(field)));
  }
  errors.push(...validateFinalizers(kind, next.finalizers ?? [], at.child('finalizers')));
  return [...errors, ...validateCommon(next, at)];
}

/** A metav1 Condition as validation needs it. */
export interface ConditionLike {
  readonly type?: string;
  readonly status?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly observedGeneration?: number;
}

const REASON_MAX = 1024;
const MESSAGE_MAX = 32 * 1024;
const REASON = /^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$/;
const REASON_ERROR =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";

/** A list of metav1 Conditions: one of each type, each whole. */
export function validateConditions(
  conditions: readonly ConditionLike[] | undefined,
  at: FieldPath,
): FieldError[] {
  const seen = new Set<string | undefined>();
  return (conditions ?? []).flatMap((condition, i) => {
    const isRepeated = seen.has(condition.type);
    seen.add(condition.type);
    return [
      ...(isRepeated ? [duplicate(at.index(i).child('type'), condition.type ?? '')] : []),
      ...validateCondition(condition, at.index(i)),
    ];
  });
}

function validateCondition(condition: ConditionLike, at: FieldPath): FieldError[] {
  const { type = '', status = '', reason = '', message = '' } = condition;
  const errors = invalidAll(at.child('type'), type, isQualifiedName(type));
  if (!['True', 'False', 'Unknown'].includes(status)) {
    errors.push(notSupported(at.child('status'), status, ['False', 'True', 'Unknown']));
  }
  if ((condition.observedGeneration ?? 0) < 0) {
    errors.push(
      invalidValue(
        at.child('observedGeneration'),
        condition.observedGeneration,
        'must be greater than or equal to zero',
      ),
    );
  }
  if (condition.lastTransitionTime === undefined)
    errors.push(required(at.child('lastTransitionTime')));
  if (reason === '') errors.push(required(at.child('reason')));
  else if (!REASON.test(reason))
    errors.push(invalidValue(at.child('reason'), reason, REASON_ERROR));
  if (reason.length > REASON_MAX) errors.push(tooLong(at.child('reason'), REASON_MAX));
  if (message.length > MESSAGE_MAX) errors.push(tooLong(at.child('message'), MESSAGE_MAX));
  return errors;
}
