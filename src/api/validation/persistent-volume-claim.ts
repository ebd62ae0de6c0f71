/** Claims. Upstream: pkg/apis/core/validation/validation.go (ValidatePersistentVolumeClaim…). */
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  TypedObjectReference,
} from '#api/gen/core-v1.ts';
import { compareQuantity, quantityMilli } from '../codec/quantity.ts';
import { equalValues } from '../meta/equal.ts';
import {
  type FieldError,
  type FieldPath,
  fieldPath,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isDns1123Subdomain, nameIsDnsLabel, nameIsDnsSubdomain } from '../meta/names.ts';
import { optionalOneOf, present, qualifiedName } from './common.ts';
import { immutable, invalidAll, validateLabelSelector } from './metadata.ts';
import { goForm } from '../schema/go-form.ts';
import { diffOf } from './changes.ts';
import { isNativeResource, positiveQuantity, validateResourceQuantity } from './resource-names.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
export const VOLUME_MODES = ['Block', 'Filesystem'];
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** Each known; ReadWriteOncePod only alone. */
export function validateAccessModes(
  modes: readonly string[] | undefined,
  at: FieldPath,
): FieldError[] {
  const list = modes ?? [];
  const errors = list
    .filter((mode) => !ACCESS_MODES.includes(mode))
    .map((mode) => notSupported(at, mode, ACCESS_MODES));
  const others = list.some((mode) => mode !== 'ReadWriteOncePod' && ACCESS_MODES.includes(mode));
  if (list.includes('ReadWriteOncePod') && others) {
    errors.push(forbiddenField(at, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

function validateSource(
  source: Partial<TypedObjectReference>,
  at: FieldPath,
  anyGroup: boolean,
): FieldError[] {
  const { name = '', kind = '', apiGroup = '', namespace = '' } = source;
  const errors = [...present(name, at.child('name')), ...present(kind, at.child('kind'))];
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim') {
    errors.push(
      invalidValue(
        at,
        kind,
        "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
      ),
    );
  }
  if (apiGroup !== '' && !anyGroup)
    errors.push(...invalidAll(at.child('apiGroup'), apiGroup, isDns1123Subdomain(apiGroup)));
  if (namespace !== '')
    errors.push(...invalidAll(at.child('namespace'), namespace, nameIsDnsLabel(namespace, false)));
  return errors;
}

function validateSources(
  { dataSource, dataSourceRef }: PersistentVolumeClaimSpec,
  at: FieldPath,
  anyGroup: boolean,
): FieldError[] {
  const errors =
    dataSource === undefined ? [] : validateSource(dataSource, at.child('dataSource'), anyGroup);
  if (dataSourceRef === undefined) return errors;
  errors.push(...validateSource(dataSourceRef, at.child('dataSourceRef'), anyGroup));
  if (dataSource === undefined) return errors;
  if (dataSourceRef.namespace) {
    errors.push(
      invalidValue(at, {}, 'may not be specified when dataSourceRef.namespace is specified'),
    );
  } else if (!equalValues({ ...dataSource }, { ...dataSourceRef, namespace: undefined })) {
    errors.push(invalidValue(at, {}, 'must match dataSourceRef'));
  }
  return errors;
}

function optionalClass(name: string | undefined, at: FieldPath): FieldError[] {
  return name ? invalidAll(at, name, nameIsDnsSubdomain(name, false)) : [];
}

/**
 * The spec of a claim, in claims and in templates. `anyGroup`: of one whose source was there before
 * its group was checked.
 */
export function validateClaimSpec(
  spec: PersistentVolumeClaimSpec | undefined,
  at: FieldPath,
  { anyGroup = false }: { readonly anyGroup?: boolean } = {},
): FieldError[] {
  const { accessModes, resources, volumeMode } = spec ?? {};
  const storage = resources?.requests?.['storage'];
  const where = at.child('resources').key('storage');
  return [
    ...present(accessModes, at.child('accessModes'), 'at least 1 access mode is required'),
    ...validateLabelSelector(spec?.selector, at.child('selector')),
    ...validateAccessModes(accessModes, at.child('accessModes')),
    ...(storage === undefined ? [required(where)] : positiveQuantity(storage, where)),
    ...optionalClass(spec?.storageClassName, at.child('storageClassName')),
    ...optionalOneOf(volumeMode, VOLUME_MODES, at.child('volumeMode')),
    ...validateSources(spec ?? {}, at, anyGroup),
    ...optionalClass(spec?.volumeAttributesClassName, at.child('volumeAttributesClassName')),
  ];
}

export function validatePersistentVolumeClaimCreate(claim: PersistentVolumeClaim): FieldError[] {
  return validateClaimSpec(claim.spec, fieldPath('spec'));
}

const CLAIM_SPEC = 'io.k8s.api.core.v1.PersistentVolumeClaimSpec';

/** A class may be named once: by a claim that has none, or whose annotation says the same. */
function mayNameClass(next: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const annotation = old.metadata?.annotations?.[CLASS_ANNOTATION];
  const name = next.spec?.storageClassName;
  return (
    old.spec?.storageClassName === undefined && name !== undefined && (annotation ?? name) === name
  );
}

/** The spec with all that may change set back to what it was. */
function withoutAllowedChanges(next: PersistentVolumeClaim, old: PersistentVolumeClaim) {
  const { storageClassName, volumeAttributesClassName, volumeName, resources, ...rest } =
    next.spec ?? {};
  const stored = old.spec ?? {};
  const bound = next.status?.phase === 'Bound';
  const storage = stored.resources?.requests?.['storage'];
  const resized = bound && resources?.requests !== undefined && storage !== undefined;
  return {
    ...rest,
    // An empty class is not the same as none, so absence is made visible.
    storageClassName:
      (mayNameClass(next, old) ? stored.storageClassName : storageClassName) ?? null,
    hasClass: (mayNameClass(next, old) ? stored.storageClassName : storageClassName) !== undefined,
    volumeName: stored.volumeName ? volumeName : undefined,
    volumeAttributesClassName: bound ? stored.volumeAttributesClassName : volumeAttributesClassName,
    resources: resized ? { ...resources, requests: { ...resources.requests, storage } } : resources,
  };
}

/** As the message shows it: what may change is as it was. */
function asCompared(
  next: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): PersistentVolumeClaimSpec {
  const { hasClass, storageClassName, volumeName: _, ...kept } = withoutAllowedChanges(next, old);
  const { volumeName } = next.spec ?? {};
  return {
    ...kept,
    ...(volumeName === undefined ? {} : { volumeName }),
    ...(hasClass && storageClassName !== null ? { storageClassName } : {}),
  } as PersistentVolumeClaimSpec;
}

/** A volume may be named once. */
function withLaterName(
  old: PersistentVolumeClaim,
  next: PersistentVolumeClaim,
): PersistentVolumeClaimSpec {
  const { volumeName } = next.spec ?? {};
  if (old.spec?.volumeName || volumeName === undefined) return old.spec ?? {};
  return { ...old.spec, volumeName };
}

function validateSize(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const size = next.spec?.resources?.requests?.['storage'] ?? '0';
  const before = old.spec?.resources?.requests?.['storage'] ?? '0';
  const actual = old.status?.capacity?.['storage'] ?? '0';
  if (compareQuantity(size, before) >= 0 || compareQuantity(size, actual) > 0) return [];
  const at = fieldPath('spec').child('resources', 'requests', 'storage');
  return [forbiddenField(at, 'field can not be less than status.capacity')];
}

function validateAttributesClass(
  next: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): FieldError[] {
  const name = next.spec?.volumeAttributesClassName;
  if (name === old.spec?.volumeAttributesClassName) return [];
  if (old.status?.currentVolumeAttributesClassName === undefined) return [];
  const to = name === undefined ? 'nil' : name === '' ? 'empty string' : '';
  if (to === '') return [];
  const at = fieldPath('spec').child('volumeAttributesClassName');
  return [
    forbiddenField(
      at,
      `update to ${to} is forbidden when status.currentVolumeAttributesClassName is not nil`,
    ),
  ];
}

export function validatePersistentVolumeClaimUpdate(
  next: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): FieldError[] {
  const { dataSource, dataSourceRef } = old.spec ?? {};
  const anyGroup = dataSource?.apiGroup !== undefined || dataSourceRef?.apiGroup !== undefined;
  const errors = validateClaimSpec(next.spec, fieldPath('spec'), { anyGroup });
  const after = next.metadata?.annotations?.[CLASS_ANNOTATION];
  if (!mayNameClass(next, old) && after !== old.metadata?.annotations?.[CLASS_ANNOTATION]) {
    errors.push(
      invalidValue(
        fieldPath('metadata').child('annotations').key(CLASS_ANNOTATION),
        after ?? '',
        'field is immutable',
      ),
    );
  }
  const munged = withoutAllowedChanges(next, old);
  const stored = withoutAllowedChanges(old, old);
  if (!equalValues(munged, stored)) {
    const detail =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(
      forbiddenField(
        fieldPath('spec'),
        `${detail}\n${diffOf(goForm(CLAIM_SPEC, withLaterName(old, next)), goForm(CLAIM_SPEC, asCompared(next, old)))}`,
      ),
    );
  }
  return [
    ...errors,
    ...validateSize(next, old),
    ...immutable(next.spec?.volumeMode, old.spec?.volumeMode, fieldPath('volumeMode')),
    ...validateAttributesClass(next, old),
  ];
}

const RESIZES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizePending',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
].toSorted();

/** What a claim's status may have amounts of: storage, and what has a domain of its own. */
function resourceKey(name: string, at: FieldPath): FieldError[] {
  const errors = qualifiedName(name, at);
  if (errors.length > 0 || !isNativeResource(name) || name === 'storage') return errors;
  return [notSupported(at, name, ['storage'])];
}

function notNegative(value: string, at: FieldPath): FieldError[] {
  const amount = quantityMilli(value) / 1000;
  return amount < 0 ? [invalidValue(at, amount, 'must be a valid resource quantity')] : [];
}

/** Upstream: ValidatePersistentVolumeClaimStatusUpdate. */
export function validatePersistentVolumeClaimStatus({
  status,
}: PersistentVolumeClaim): FieldError[] {
  const at = fieldPath('status');
  const statuses = at.child('allocatedResourceStatuses');
  const amounts = at.child('allocatedResources');
  return [
    ...Object.entries(status?.capacity ?? {}).flatMap(([name, value]) =>
      notNegative(value, at.child('capacity').key(name)),
    ),
    ...Object.entries(status?.allocatedResourceStatuses ?? {}).flatMap(([name, value]) => [
      ...resourceKey(name, statuses),
      ...(RESIZES.includes(value) ? [] : [notSupported(statuses, name, RESIZES)]),
    ]),
    ...Object.entries(status?.allocatedResources ?? {}).flatMap(([name, value]) => {
      const errors = resourceKey(name, amounts);
      if (errors.length > 0) return errors;
      const negative = notNegative(value, amounts.key(name));
      return negative.length > 0
        ? negative
        : validateResourceQuantity('storage', value, amounts.key(name));
    }),
  ];
}
