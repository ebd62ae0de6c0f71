/** Persistent volumes. Upstream: pkg/apis/core/validation/validation.go (ValidatePersistentVolume…). */
import type {
  NodeSelector,
  NodeSelectorRequirement,
  PersistentVolume,
  PersistentVolumeSpec,
  SecretReference,
  VolumeNodeAffinity,
} from '#api/gen/core-v1.ts';
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
import { label, optionalOneOf, present, subdomain } from './common.ts';
import { ISCSI_NAME_MAX, ISCSI_NAME_TOO_LONG, validateLegacyVolume } from './legacy-volumes.ts';
import { IMMUTABLE, immutable, invalidAll } from './metadata.ts';
import { noBacksteps } from './paths.ts';
import { validateAccessModes, VOLUME_MODES } from './persistent-volume-claim.ts';
import { goForm } from '../schema/go-form.ts';
import { diffOf } from './changes.ts';
import { positiveQuantity } from './resource-names.ts';
import { inOrder, nameOfSurplus } from './volume-order.ts';
import { validateDriverName, validateHostPath, validateNfs } from './volumes.ts';
import { wasSentEmpty } from '../meta/json.ts';

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
  const { name = '', namespace = '' } = secret;
  const [nameAt, namespaceAt] = [at.child('name'), at.child('namespace')];
  return [
    ...(name === '' ? [required(nameAt)] : subdomain(name, nameAt)),
    ...(namespace === '' ? [required(namespaceAt)] : label(namespace, namespaceAt)),
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

function validateLocal(spec: PersistentVolumeSpec, at: FieldPath): FieldError[] {
  const path = spec.local?.path ?? '';
  const here = at.child('local', 'path');
  return [
    ...(path === '' ? [required(here)] : noBacksteps(path, here)),
    ...(spec.nodeAffinity === undefined
      ? [required(at.child('nodeAffinity'), 'Local volume requires node affinity')]
      : []),
  ];
}

function validateSource(name: string, spec: PersistentVolumeSpec, at: FieldPath): FieldError[] {
  const { hostPath, nfs, csi } = spec;
  if (name === 'hostPath' && hostPath !== undefined)
    return validateHostPath(hostPath, at.child(name));
  if (name === 'nfs' && nfs !== undefined) return validateNfs(nfs, at.child(name));
  if (name === 'csi' && csi !== undefined) return validateCsi(csi, at.child(name));
  if (name === 'local') return validateLocal(spec, at);
  return validateLegacyVolume(name, sourcesOf(spec)[name], { at, isPersistent: true });
}

/** Exactly one source, and what is wrong with it. Upstream counts a flexVolume, but always takes it. */
export function validatePersistentSources(spec: PersistentVolumeSpec, at: FieldPath): FieldError[] {
  const names = inOrder(Object.keys(sourcesOf(spec)), true);
  if (names.length === 0) return [required(at, 'must specify a volume type')];
  return names.flatMap((name, i) => {
    if (i === 0 || name === 'flexVolume') return validateSource(name, spec, at);
    const detail = 'may not specify more than 1 volume type';
    return [forbiddenField(at.child(nameOfSurplus(name, true)), detail)];
  });
}

/** As Go writes a map. */
const sorted = (map: Readonly<Record<string, string>>): object =>
  Object.fromEntries(Object.entries(map).toSorted(([left], [right]) => (left < right ? -1 : 1)));

function validateCapacity(spec: PersistentVolumeSpec): FieldError[] {
  const { capacity = {} } = spec;
  const isNil = spec.capacity === undefined && !wasSentEmpty(spec, 'capacity');
  const at = SPEC.child('capacity');
  const names = Object.keys(capacity);
  const errors = names.length === 0 ? [required(at)] : [];
  if (capacity['storage'] === undefined || names.length > 1)
    errors.push(notSupported(at, isNil ? null : sorted(capacity), ['storage']));
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

/** An iSCSI initiator is named after the volume and its portal. */
function validateIscsiName(name: string, { iscsi }: PersistentVolumeSpec): FieldError[] {
  if (iscsi?.initiatorName === undefined) return [];
  const { targetPortal = '' } = iscsi as Partial<typeof iscsi>;
  return `${name}:${targetPortal}`.length > ISCSI_NAME_MAX
    ? [invalidValue(SPEC.child('iscsi', 'targetportal'), targetPortal, ISCSI_NAME_TOO_LONG)]
    : [];
}

export function validatePersistentVolume({ metadata, spec = {} }: PersistentVolume): FieldError[] {
  const policy = spec.persistentVolumeReclaimPolicy;
  const errors = [
    ...present(spec.accessModes, SPEC.child('accessModes')),
    ...validateAccessModes(spec.accessModes, SPEC.child('accessModes')),
    ...validateCapacity(spec),
    ...optionalOneOf(
      policy,
      ['Delete', 'Recycle', 'Retain'],
      SPEC.child('persistentVolumeReclaimPolicy'),
    ),
    ...validateAffinity(spec),
    ...validatePersistentSources(spec, SPEC),
    ...validateIscsiName(metadata?.name ?? '', spec),
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

const STABLE_LABELS: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

/** `old` with the keys that `next` has, where a beta label became stable; upstream takes none, too. */
function withNewKeys(
  old: VolumeNodeAffinity,
  next: VolumeNodeAffinity | undefined,
): VolumeNodeAffinity {
  const renamed = (
    before: readonly NodeSelectorRequirement[] | undefined,
    after: readonly NodeSelectorRequirement[] | undefined,
  ) =>
    before?.map((requirement, i) => {
      const key = after?.[i]?.key;
      const isAllowed = key !== undefined && key === (STABLE_LABELS[requirement.key] ?? '');
      return isAllowed ? { ...requirement, key } : requirement;
    });
  const { nodeSelectorTerms: terms }: Partial<NodeSelector> = old.required ?? {};
  if (terms === undefined) return old;
  const nodeSelectorTerms = terms.map((term, i) => {
    const after = next?.required?.nodeSelectorTerms?.[i];
    const matchExpressions = renamed(term.matchExpressions, after?.matchExpressions);
    const matchFields = renamed(term.matchFields, after?.matchFields);
    return {
      ...(matchExpressions === undefined ? {} : { matchExpressions }),
      ...(matchFields === undefined ? {} : { matchFields }),
    };
  });
  return { required: { nodeSelectorTerms } };
}

const SOURCE = 'io.k8s.api.core.v1.PersistentVolumeSource';
const NODE_AFFINITY = 'io.k8s.api.core.v1.VolumeNodeAffinity';

export function validatePersistentVolumeUpdate(
  next: PersistentVolume,
  old: PersistentVolume,
): FieldError[] {
  // Upstream looks at the whole of it a second time here.
  const errors = validatePersistentVolume(next);
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
        `${detail}\n${diffOf(goForm(SOURCE, before), goForm(SOURCE, after))}`,
      ),
    );
  }
  errors.push(...immutable(next.spec?.volumeMode, old.spec?.volumeMode, fieldPath('volumeMode')));
  if (old.spec?.nodeAffinity !== undefined) {
    const { nodeAffinity } = next.spec ?? {};
    const detail = `${IMMUTABLE}, except for updating from beta label to GA`;
    if (!equalValues(nodeAffinity, withNewKeys(old.spec.nodeAffinity, nodeAffinity)))
      errors.push(
        invalidValue(fieldPath('nodeAffinity'), goForm(NODE_AFFINITY, nodeAffinity), detail),
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
