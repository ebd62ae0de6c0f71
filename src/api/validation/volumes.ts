/**
 * Volumes of pods.
 *
 * Source: upstream pkg/apis/core/validation/validation.go. Those that v1.36 serves by CSI drivers
 * alone are in `./legacy-volumes.ts`.
 */
import type { HostPathVolumeSource, KeyToPath, NFSVolumeSource, Volume } from '#api/gen/core-v1.ts';
import { compareQuantity } from '../codec/quantity.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  required,
  tooLong,
} from '../meta/field.ts';
import { isDns1123Subdomain, nameIsDnsSubdomain } from '../meta/names.ts';
import type { ObjectMeta } from '../meta/object.ts';
import { label, oneOf, optionalOneOf, present } from './common.ts';
import { ISCSI_NAME_MAX, ISCSI_NAME_TOO_LONG, validateLegacyVolume } from './legacy-volumes.ts';
import { invalidAll } from './metadata.ts';
import { descendingPath, noBacksteps, nonReservedPath, validateFileMode } from './paths.ts';
import { validateClaimSpec } from './persistent-volume-claim.ts';
import { validateDownwardFile, validateProjected } from './projected-volumes.ts';
import { validateTemplateMetadata } from './template-metadata.ts';
import { inOrder, nameOfSurplus } from './volume-order.ts';

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];
export const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const DRIVER_NAME_MAX = 63;

export interface VolumeContext {
  /** The pod's metadata; undefined in templates, whose pods have no name yet. */
  readonly metadata: ObjectMeta | undefined;
  readonly isPod: boolean;
}

function validateKeyToPath(
  { key = '', path = '', mode }: Partial<KeyToPath>,
  at: FieldPath,
): FieldError[] {
  return [
    ...present(key, at.child('key')),
    ...present(path, at.child('path')),
    ...nonReservedPath(path, at.child('path')),
    ...validateFileMode(mode, at.child('mode')),
  ];
}

/** The name of a CSI driver. */
export function validateDriverName(name: string | undefined, at: FieldPath): FieldError[] {
  if (name === undefined || name === '') return [required(at)];
  const length = name.length > DRIVER_NAME_MAX ? [tooLong(at, DRIVER_NAME_MAX)] : [];
  return [...length, ...invalidAll(at, name, isDns1123Subdomain(name.toLowerCase()))];
}

type Source<K extends keyof Volume> = NonNullable<Volume[K]>;
type Rules = {
  readonly [K in keyof Volume]?: (
    source: Source<K>,
    at: FieldPath,
    context: VolumeContext,
  ) => FieldError[];
};

function validateKeys(
  { items, defaultMode }: { readonly items?: readonly KeyToPath[]; readonly defaultMode?: number },
  at: FieldPath,
): FieldError[] {
  return [
    ...validateFileMode(defaultMode, at.child('defaultMode')),
    ...(items ?? []).flatMap((item, i) => validateKeyToPath(item, at.child('items').index(i))),
  ];
}

export function validateHostPath(
  { path = '', type }: Partial<HostPathVolumeSource>,
  at: FieldPath,
): FieldError[] {
  if (path === '') return [required(at.child('path'))];
  return [
    ...noBacksteps(path, at.child('path')),
    ...optionalOneOf(type, HOST_PATH_TYPES, at.child('type')),
  ];
}

export function validateNfs(
  { server, path = '' }: Partial<NFSVolumeSource>,
  at: FieldPath,
): FieldError[] {
  const isAbsolute = path.startsWith('/');
  return [
    ...present(server, at.child('server')),
    ...present(path, at.child('path')),
    ...(isAbsolute ? [] : [invalidValue(at.child('path'), path, 'must be an absolute path')]),
  ];
}

const RULES: Rules = {
  emptyDir: ({ sizeLimit }, at) =>
    sizeLimit !== undefined && compareQuantity(sizeLimit, '0') < 0
      ? [forbiddenField(at.child('sizeLimit'), 'SizeLimit field must be a valid resource quantity')]
      : [],
  hostPath: validateHostPath,
  gitRepo: ({ repository, directory = '' }, at) => [
    ...present(repository, at.child('repository')),
    ...descendingPath(directory, at.child('directory')),
  ],
  secret: (source, at) => [
    ...present(source.secretName, at.child('secretName')),
    ...validateKeys(source, at),
  ],
  configMap: (source, at) => [
    ...present(source.name, at.child('name')),
    ...validateKeys(source, at),
  ],
  nfs: validateNfs,
  persistentVolumeClaim: ({ claimName }, at) => present(claimName, at.child('claimName')),
  downwardAPI: ({ items, defaultMode }, at) => [
    ...validateFileMode(defaultMode, at.child('defaultMode')),
    ...(items ?? []).flatMap((file) => validateDownwardFile(file, at)),
  ],
  projected: validateProjected,
  csi: ({ driver, nodePublishSecretRef }, at) => {
    const errors = validateDriverName(driver, at.child('driver'));
    if (nodePublishSecretRef === undefined) return errors;
    const { name = '' } = nodePublishSecretRef;
    if (name === '') return [...errors, required(at.child('nodePublishSecretRef', 'name'))];
    return [...errors, ...invalidAll(at.child('name'), name, nameIsDnsSubdomain(name, false))];
  },
  ephemeral: ({ volumeClaimTemplate: template }, at) => {
    const where = at.child('volumeClaimTemplate');
    if (template === undefined) return [required(where)];
    return [
      ...validateTemplateMetadata(template.metadata, where.child('metadata')),
      ...validateClaimSpec(template.spec, where.child('spec')),
    ];
  },
  image: ({ reference, pullPolicy }, at, { isPod }) => [
    ...(isPod ? present(reference, at.child('reference')) : []),
    ...oneOf(pullPolicy, PULL_POLICIES, at.child('pullPolicy')),
  ],
};

function validateSource(volume: Volume, at: FieldPath, context: VolumeContext): FieldError[] {
  const { name: _name, ...sources } = volume;
  const members = new Map(Object.entries(sources));
  const given = inOrder(
    [...members.keys()].filter((field) => (members.get(field) ?? null) !== null),
  );
  if (given.length === 0) return [required(at, 'must specify a volume type')];
  return given.flatMap((field, i) => {
    const source = members.get(field);
    if (i > 0) {
      const detail = 'may not specify more than 1 volume type';
      return [forbiddenField(at.child(nameOfSurplus(field)), detail)];
    }
    const rule = RULES[field as keyof Volume] as
      | ((s: unknown, p: FieldPath, c: VolumeContext) => FieldError[])
      | undefined;
    return rule === undefined
      ? validateLegacyVolume(field, source, { at })
      : rule(source, at.child(field), context);
  });
}

/** The claim that an ephemeral volume makes is named after the pod and the volume. */
function validateMadeClaim(volume: Volume, pod: string, at: FieldPath): FieldError[] {
  if (volume.ephemeral === undefined || pod === '' || !volume.name) return [];
  const claim = `${pod}-${volume.name}`;
  const messages = nameIsDnsSubdomain(claim, false).map(
    (message) => `PVC name ${JSON.stringify(claim)}: ${message}`,
  );
  return invalidAll(at.child('name'), volume.name, messages);
}

/** An iSCSI initiator is named after the volume and its portal. */
function validateIscsiName({ name, iscsi }: Volume, at: FieldPath): FieldError[] {
  if (iscsi?.initiatorName === undefined) return [];
  return `${name}:${iscsi.targetPortal}`.length > ISCSI_NAME_MAX
    ? [invalidValue(at.child('name'), name, ISCSI_NAME_TOO_LONG)]
    : [];
}

/** Answers the errors and the volumes that are well formed, by name. */
export function validateVolumes(
  volumes: readonly Volume[] | undefined,
  at: FieldPath,
  context: VolumeContext,
): { readonly errors: FieldError[]; readonly valid: ReadonlyMap<string, Volume> } {
  const errors: FieldError[] = [];
  const valid = new Map<string, Volume>();
  const pod = context.metadata?.name ?? '';
  const made = new Set(
    (volumes ?? [])
      .filter(({ ephemeral }) => ephemeral !== undefined)
      .map(({ name }) => `${pod}-${name}`),
  );
  for (const [i, volume] of (volumes ?? []).entries()) {
    const here = at.index(i);
    const name = volume.name ?? '';
    const own = [
      ...validateSource(volume, here, context),
      ...validateIscsiName(volume, here),
      ...validateMadeClaim(volume, pod, here),
    ];
    own.push(...(name === '' ? [required(here.child('name'))] : label(name, here.child('name'))));
    if (valid.has(name)) own.push(duplicate(here.child('name'), name));
    if (own.length === 0) valid.set(name, volume);
    errors.push(...own);
    const claim = volume.persistentVolumeClaim?.claimName ?? '';
    if (pod !== '' && claim !== '' && made.has(claim)) {
      const where = here.child('persistentVolumeClaim', 'claimName');
      errors.push(
        invalidValue(
          where,
          claim,
          'must not reference a PVC that gets created for an ephemeral volume',
        ),
      );
    }
  }
  return { errors, valid };
}
