/** Attachments of volumes to nodes. Upstream: pkg/apis/storage/validation/validation.go. */
import type { PersistentVolumeSpec } from '#api/gen/core-v1.ts';
import type { VolumeAttachment, VolumeAttachmentSource, VolumeError } from '#api/gen/storage-v1.ts';
import {
  type FieldError,
  fieldPath,
  type FieldPath,
  forbiddenField,
  invalidValue,
  required,
  tooLong,
} from '../meta/field.ts';
import { rangeError } from '../meta/names.ts';
import { present, subdomain } from './common.ts';
import { immutable } from './metadata.ts';
import { validateAccessModes } from './persistent-volume-claim.ts';
import { validatePersistentSources } from './persistent-volume.ts';
import { validateDriverName } from './volumes.ts';

const SPEC = fieldPath('spec');
const METADATA_BYTES_MAX = 256 * 1024;
const MESSAGE_MAX = 1024;

function validateSource(source: VolumeAttachmentSource | undefined): FieldError[] {
  const at = SPEC.child('source');
  const { inlineVolumeSpec, persistentVolumeName: name } = source ?? {};
  const detail = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  const where = at.child('persistentVolumeName');
  if (inlineVolumeSpec !== undefined)
    return name === undefined
      ? validateInline(inlineVolumeSpec, at.child('inlineVolumeSpec'))
      : [forbiddenField(at, detail), ...subdomain(name, where)];
  if (name === undefined) return [required(at, detail)];
  const empty = name === '' ? [required(where, 'must specify non empty persistentVolumeName')] : [];
  return [...empty, ...subdomain(name, where)];
}

const INLINE = 'in the context of inline volumes';

/** Source: ValidatePersistentVolumeSpec in pkg/apis/core/validation/validation.go. */
function validateInline(spec: PersistentVolumeSpec, at: FieldPath): FieldError[] {
  const notHere = (field: string): FieldError =>
    forbiddenField(at.child(field), `may not be specified ${INLINE}`);
  const errors = spec.claimRef === undefined ? [] : [notHere('claimRef')];
  if (Object.keys(spec.capacity ?? {}).length > 0) errors.push(notHere('capacity'));
  if (spec.csi === undefined)
    errors.push(required(at.child('csi'), `has to be specified ${INLINE}`));
  const modesAt = at.child('accessModes');
  errors.push(
    ...present(spec.accessModes, modesAt),
    ...validateAccessModes(spec.accessModes, modesAt),
  );
  const policy = spec.persistentVolumeReclaimPolicy ?? '';
  if (policy !== '' && policy !== 'Retain')
    errors.push(
      forbiddenField(at.child('persistentVolumeReclaimPolicy'), `may only be Retain ${INLINE}`),
    );
  const { nodeAffinity, ...sources } = spec;
  if (nodeAffinity !== undefined) errors.push(notHere('nodeAffinity'));
  errors.push(...validatePersistentSources(sources, at));
  if (spec.storageClassName) errors.push(notHere('storageClassName'));
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem') {
    const only = `may not specify volumeMode other than Filesystem ${INLINE}`;
    errors.push(forbiddenField(at.child('volumeMode'), only));
  }
  return errors;
}

function validateError(error: VolumeError | undefined, at: FieldPath): FieldError[] {
  const { message = '', errorCode } = error ?? {};
  const errors: FieldError[] = [];
  // Upstream tells another limit than the one it checks.
  if (Buffer.byteLength(message) > MESSAGE_MAX) {
    errors.push(tooLong(at.child('message'), METADATA_BYTES_MAX));
  }
  if (errorCode !== undefined && errorCode < 0) {
    errors.push(invalidValue(at.child('errorCode'), errorCode, rangeError(0, 2 ** 31 - 1)));
  }
  return errors;
}

export function validateVolumeAttachmentStatus({ status }: VolumeAttachment): FieldError[] {
  const at = fieldPath('status');
  const bytes = Object.entries(status?.attachmentMetadata ?? {}).reduce(
    (sum, pair) => sum + Buffer.byteLength(pair.join('')),
    0,
  );
  return [
    ...(bytes > METADATA_BYTES_MAX
      ? [tooLong(at.child('attachmentMetadata'), METADATA_BYTES_MAX)]
      : []),
    ...validateError(status?.attachError, at.child('attachError')),
    ...validateError(status?.detachError, at.child('detachError')),
  ];
}

export function validateVolumeAttachment({ spec }: VolumeAttachment): FieldError[] {
  return [
    ...validateDriverName(spec?.attacher, SPEC.child('attacher')),
    ...validateSource(spec?.source),
    ...subdomain(spec?.nodeName, SPEC.child('nodeName')),
  ];
}

export function validateVolumeAttachmentUpdate(
  next: VolumeAttachment,
  old: VolumeAttachment,
): FieldError[] {
  return immutable(next.spec, old.spec, SPEC, 'io.k8s.api.storage.v1.VolumeAttachmentSpec');
}
