/** Persistent volumes. Upstream: pkg/apis/core/validation/validation.go (ValidatePersistentVolume…). */
import type { PersistentVolume, PersistentVolumeSpec, SecretReference } from '#api/gen/core-v1.ts';
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
import { nameIsDnsSubdomain } from '../meta/names.ts';
import { validateNodeSelector } from './affinity.ts';
import { optionalOneOf, present } from './common.ts';
import { immutable, invalidAll } from './metadata.ts';
import { noBacksteps } from './paths.ts';
import { validateAccessModes, VOLUME_MODES } from './persistent-volume-claim.ts';
import { changedFields } from './changes.ts';
import { positiveQuantity } from './resource-names.ts';
import { inOrder, nameOfSurplus } from './volume-order.ts';
import { validateDriverName } from './volumes.ts';

const SPEC = fieldPath('spec');
/** Fields of the spec that are no source of a volume. */
const PLAIN_FIELDS: ReadonlySet<string> = new Set([
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
]);

function sourcesOf(spec: PersistentVolumeSpec): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(spec).filter(
      ([name, value]) => !PLAIN_FIELDS.has(name) && value !== undefined && value !== null,
    ),
  );
}

function validateSecret(secret: SecretReference | undefined, at: FieldPath): FieldError[] {
  if (secret === undefined) return [];
  return [
    ...present(secret.name, at.child('name')),
    ...present(secret.namespace, at.child('namespace')),
  ];
}

function validateCsi(csi: NonNullable<PersistentVolumeSpec['csi']>, at: FieldPath): FieldError[] {
  const secrets = [
    'controllerPublishSecretRef',
    'controllerExpandSecretRef',
    'nodePublishSecretRef',
    'nodeExpandSecretRef',
  ] as const;
  return [
    ...validateDriverName(csi.driver, at.child('driver')),
    ...present(csi.volumeHandle, at.child('volumeHandle')),
    ...secrets.flatMap((name) => validateSecret(csi[name], at.child(name))),
  ];
}

function validateSources(spec: PersistentVolumeSpec): FieldError[] {
  const names = inOrder(Object.keys(sourcesOf(spec)), true);
  if (names.length === 0) return [required(SPEC, 'must specify a volume type')];
  const errors = names
    .slice(1)
    .map((name) =>
      forbiddenField(
        SPEC.child(nameOfSurplus(name, true)),
        'may not specify more than 1 volume type',
      ),
    );
  const { hostPath, nfs, local, csi } = spec;
  if (hostPath !== undefined) {
    const at = SPEC.child('hostPath', 'path');
    errors.push(...present(hostPath.path, at), ...noBacksteps(hostPath.path ?? '', at));
  }
  if (nfs !== undefined) {
    errors.push(
      ...present(nfs.server, SPEC.child('nfs', 'server')),
      ...present(nfs.path, SPEC.child('nfs', 'path')),
    );
    if (!nfs.path?.startsWith('/')) {
      errors.push(
        invalidValue(SPEC.child('nfs', 'path'), nfs.path ?? '', 'must be an absolute path'),
      );
    }
  }
  if (local !== undefined) {
    const at = SPEC.child('local', 'path');
    errors.push(...present(local.path, at), ...noBacksteps(local.path ?? '', at));
    if (spec.nodeAffinity === undefined) {
      errors.push(required(SPEC.child('nodeAffinity'), 'Local volume requires node affinity'));
    }
  }
  return csi === undefined ? errors : [...errors, ...validateCsi(csi, SPEC.child('csi'))];
}

function validateCapacity(capacity: Readonly<Record<string, string>>): FieldError[] {
  const at = SPEC.child('capacity');
  const names = Object.keys(capacity);
  const errors = names.length === 0 ? [required(at)] : [];
  if (capacity['storage'] === undefined || names.length > 1)
    errors.push(notSupported(at, capacity, ['storage']));
  return [
    ...errors,
    ...Object.entries(capacity).flatMap(([name, value]) => positiveQuantity(value, at.key(name))),
  ];
}

function validateAffinity(spec: PersistentVolumeSpec): FieldError[] {
  if (spec.nodeAffinity === undefined) return [];
  const at = SPEC.child('nodeAffinity', 'required');
  const { required: selector } = spec.nodeAffinity;
  return selector === undefined
    ? [required(at, 'must specify required node constraints')]
    : validateNodeSelector(selector, at);
}

function validateClasses(spec: PersistentVolumeSpec): FieldError[] {
  const { storageClassName: name, volumeAttributesClassName: attributes } = spec;
  const errors = name
    ? invalidAll(SPEC.child('storageClassName'), name, nameIsDnsSubdomain(name, false))
    : [];
  if (attributes === undefined) return errors;
  const at = SPEC.child('volumeAttributesClassName');
  if (attributes === '') errors.push(required(at, 'an empty string is disallowed'));
  else errors.push(...invalidAll(at, attributes, nameIsDnsSubdomain(attributes, false)));
  if (spec.csi === undefined) {
    errors.push(
      required(SPEC.child('csi'), 'has to be specified when using volumeAttributesClassName'),
    );
  }
  return errors;
}

export function validatePersistentVolume({ spec = {} }: PersistentVolume): FieldError[] {
  const policy = spec.persistentVolumeReclaimPolicy;
  const errors = [
    ...present(spec.accessModes, SPEC.child('accessModes')),
    ...validateAccessModes(spec.accessModes, SPEC.child('accessModes')),
    ...validateCapacity(spec.capacity ?? {}),
    ...optionalOneOf(
      policy,
      ['Delete', 'Recycle', 'Retain'],
      SPEC.child('persistentVolumeReclaimPolicy'),
    ),
    ...validateAffinity(spec),
    ...validateSources(spec),
    ...validateClasses(spec),
    ...optionalOneOf(spec.volumeMode, VOLUME_MODES, SPEC.child('volumeMode')),
  ];
  if (
    policy === 'Recycle' &&
    spec.hostPath?.path !== undefined &&
    /^\/+$/.test(spec.hostPath.path)
  ) {
    const at = SPEC.child('persistentVolumeReclaimPolicy');
    errors.push(forbiddenField(at, "may not be 'recycle' for a hostPath mount of '/'"));
  }
  return errors;
}

export function validatePersistentVolumeUpdate(
  next: PersistentVolume,
  old: PersistentVolume,
): FieldError[] {
  const errors: FieldError[] = [];
  const after = sourcesOf(next.spec ?? {});
  const before = sourcesOf(old.spec ?? {});
  const expand = next.spec?.csi;
  // The secret for expansion may be added later.
  if (
    expand !== undefined &&
    old.spec?.csi !== undefined &&
    old.spec.csi.controllerExpandSecretRef === undefined
  ) {
    const { controllerExpandSecretRef: _secret, ...rest } = expand;
    after['csi'] = rest;
  }
  if (!equalValues(after, before)) {
    const detail = 'spec.persistentvolumesource is immutable after creation';
    errors.push(
      forbiddenField(
        SPEC.child('persistentvolumesource'),
        `${detail}\n${changedFields(after, before)}`,
      ),
    );
  }
  errors.push(...immutable(next.spec?.volumeMode, old.spec?.volumeMode, fieldPath('volumeMode')));
  if (old.spec?.nodeAffinity !== undefined) {
    errors.push(
      ...immutable(next.spec?.nodeAffinity, old.spec.nodeAffinity, fieldPath('nodeAffinity')),
    );
  }
  if (
    old.spec?.volumeAttributesClassName !== undefined &&
    next.spec?.volumeAttributesClassName === undefined
  ) {
    errors.push(
      forbiddenField(
        SPEC.child('volumeAttributesClassName'),
        'update from non-nil value to nil is forbidden',
      ),
    );
  }
  return errors;
}
