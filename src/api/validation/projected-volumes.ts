/** Projected and downward API volumes. Upstream: pkg/apis/core/validation/validation.go. */
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  VolumeProjection,
} from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  forbiddenField,
  invalidValue,
  required,
} from '../meta/field.ts';
import { oneOf, present } from './common.ts';
import { validateFieldRef, validateResourceFieldRef, VOLUME_FIELDS } from './env.ts';
import { validateLabelSelector } from './metadata.ts';
import { nonReservedPath, validateFileMode } from './paths.ts';

const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;
const KEY_TYPES = ['RSA3072', 'RSA4096', 'ECDSAP256', 'ECDSAP384', 'ECDSAP521', 'ED25519'];

export function validateDownwardFile(
  file: Partial<DownwardAPIVolumeFile>,
  at: FieldPath,
): FieldError[] {
  const { path = '', fieldRef, resourceFieldRef, mode } = file;
  const errors = [...present(path, at.child('path')), ...nonReservedPath(path, at.child('path'))];
  if (fieldRef !== undefined) {
    errors.push(...validateFieldRef(fieldRef, VOLUME_FIELDS, at.child('fieldRef')));
    if (resourceFieldRef !== undefined) {
      errors.push(
        invalidValue(
          at,
          'resource',
          'fieldRef and resourceFieldRef can not be specified simultaneously',
        ),
      );
    }
  } else if (resourceFieldRef === undefined) {
    errors.push(required(at, 'one of fieldRef and resourceFieldRef is required'));
  } else
    errors.push(...validateResourceFieldRef(resourceFieldRef, at.child('resourceFieldRef'), true));
  return [...errors, ...validateFileMode(mode, at.child('mode'))];
}

/** Paths seen so far in one volume, so that no two files land on one path. */
class Paths {
  readonly #seen = new Set<string>();
  readonly #at: FieldPath;
  constructor(at: FieldPath) {
    this.#at = at;
  }
  add(path: string, value: string): FieldError[] {
    if (path === '') return [];
    if (this.#seen.has(path)) return [invalidValue(this.#at, value, 'conflicting duplicate paths')];
    this.#seen.add(path);
    return [];
  }
}

interface Keyed {
  readonly name?: string;
  readonly items?: readonly KeyToPath[];
}

function validateKeyed(source: Keyed, at: FieldPath, paths: Paths): FieldError[] {
  const name = source.name ?? '';
  const errors = present(name, at.child('name'));
  for (const [i, { key = '', path = '', mode }] of (source.items ?? []).entries()) {
    const here = at.child('items').index(i);
    errors.push(...present(key, here.child('key')), ...present(path, here.child('path')));
    errors.push(
      ...nonReservedPath(path, here.child('path')),
      ...validateFileMode(mode, here.child('mode')),
    );
    errors.push(...paths.add(path, name));
  }
  return errors;
}

function validateToken(
  token: Partial<NonNullable<VolumeProjection['serviceAccountToken']>>,
  at: FieldPath,
  volume: FieldPath,
): FieldError[] {
  const { expirationSeconds: seconds = 0, path = '' } = token;
  const where = at.child('expirationSeconds');
  const errors: FieldError[] = [];
  if (seconds < TOKEN_SECONDS_MIN) {
    errors.push(invalidValue(where, seconds, 'may not specify a duration less than 10 minutes'));
  }
  if (seconds > TOKEN_SECONDS_MAX) {
    errors.push(
      invalidValue(where, seconds, 'may not specify a duration larger than 2^32 seconds'),
    );
  }
  return [
    ...errors,
    ...present(path, volume.child('path')),
    ...nonReservedPath(path, volume.child('path')),
  ];
}

function validateTrustBundle(
  bundle: Partial<NonNullable<VolumeProjection['clusterTrustBundle']>>,
  at: FieldPath,
): FieldError[] {
  const { name, signerName, labelSelector, path = '' } = bundle;
  const errors: FieldError[] = [];
  if (name !== undefined && signerName !== undefined) {
    errors.push(invalidValue(at, bundle, 'only one of name and signerName may be used'));
  } else if (name !== undefined) {
    if (name === '') errors.push(required(at.child('name'), 'must be a valid object name'));
    if (labelSelector !== undefined) {
      errors.push(
        invalidValue(
          at.child('labelSelector'),
          labelSelector,
          'labelSelector must be unset if name is specified',
        ),
      );
    }
  } else if (signerName !== undefined) {
    if (signerName === '')
      errors.push(required(at.child('signerName'), 'must be a valid signer name'));
    errors.push(...validateLabelSelector(labelSelector, at.child('labelSelector')));
  } else errors.push(required(at, 'either name or signerName must be specified'));
  return [
    ...errors,
    ...present(path, at.child('path')),
    ...nonReservedPath(path, at.child('path')),
  ];
}

function validateCertificate(
  source: NonNullable<VolumeProjection['podCertificate']>,
  at: FieldPath,
  paths: Paths,
): FieldError[] {
  const errors = oneOf(source.keyType, KEY_TYPES, at.child('keyType'));
  const fields = ['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const;
  const given = fields.filter((field) => source[field]);
  for (const field of given) {
    const path = source[field] ?? '';
    errors.push(...nonReservedPath(path, at.child(field)), ...paths.add(path, path));
  }
  if (given.length === 0) {
    errors.push(
      required(
        at,
        'specify at least one of credentialBundlePath, keyPath, and certificateChainPath',
      ),
    );
  }
  return errors;
}

function validateProjection(
  source: VolumeProjection,
  here: FieldPath,
  volume: FieldPath,
  paths: Paths,
): FieldError[] {
  const errors: FieldError[] = [];
  if (source.secret !== undefined)
    errors.push(...validateKeyed(source.secret, here.child('secret'), paths));
  if (source.configMap !== undefined)
    errors.push(...validateKeyed(source.configMap, here.child('configMap'), paths));
  for (const file of source.downwardAPI?.items ?? []) {
    errors.push(
      ...validateDownwardFile(file, here.child('downwardAPI')),
      ...paths.add(file.path ?? '', file.path ?? ''),
    );
  }
  if (source.serviceAccountToken !== undefined) {
    errors.push(
      ...validateToken(source.serviceAccountToken, here.child('serviceAccountToken'), volume),
    );
  }
  if (source.clusterTrustBundle !== undefined) {
    const path = source.clusterTrustBundle.path ?? '';
    errors.push(
      ...validateTrustBundle(source.clusterTrustBundle, here.child('clusterTrustBundle')),
      ...paths.add(path, path),
    );
  }
  if (source.podCertificate !== undefined) {
    errors.push(...validateCertificate(source.podCertificate, here.child('podCertificate'), paths));
  }
  if (Object.values(source).filter((value) => value !== undefined).length > 1) {
    errors.push(forbiddenField(here, 'may not specify more than 1 volume type per source'));
  }
  return errors;
}

export function validateProjected(
  { sources, defaultMode }: ProjectedVolumeSource,
  at: FieldPath,
): FieldError[] {
  const paths = new Paths(at);
  return [
    ...validateFileMode(defaultMode, at.child('defaultMode')),
    ...(sources ?? []).flatMap((source, i) =>
      validateProjection(source, at.child('sources').index(i), at, paths),
    ),
  ];
}
