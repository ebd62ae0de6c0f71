/**
 * Fields that a write through a path of the API cannot change, and so cannot come to own.
 *
 * Source: GetResetFields and GetResetFieldsFilter of upstream's strategies (pkg/registry).
 */
import type { Kind } from '../kind.ts';
import type { KubeObject } from '../meta/object.ts';
import { type FieldSet, LEAF, recursiveDifference } from './field-set.ts';

/** What the write may own, of what it changed. */
export type FieldFilter = (set: FieldSet) => FieldSet;

const STATUS: FieldSet = { 'f:status': LEAF };
const SPEC: FieldSet = { 'f:spec': LEAF };
const SPEC_AND_STATUS: FieldSet = { 'f:spec': LEAF, 'f:status': LEAF };
const METADATA_AND_SPEC: FieldSet = { 'f:metadata': LEAF, 'f:spec': LEAF };

/** Writes of `status` that keep more than `spec`, by `<group>/<kind>`. */
const STATUS_WRITES: Readonly<Record<string, FieldSet>> = {
  '/Pod': {
    'f:metadata': { 'f:deletionTimestamp': LEAF, 'f:ownerReferences': LEAF },
    'f:spec': LEAF,
  },
  'apps/Deployment': { 'f:metadata': { 'f:labels': LEAF }, 'f:spec': LEAF },
  'certificates.k8s.io/CertificateSigningRequest': {
    'f:spec': LEAF,
    'f:status': { 'f:conditions': LEAF },
  },
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy': METADATA_AND_SPEC,
  'apiregistration.k8s.io/APIService': METADATA_AND_SPEC,
  'flowcontrol.apiserver.k8s.io/FlowSchema': METADATA_AND_SPEC,
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration': METADATA_AND_SPEC,
  'internal.apiserver.k8s.io/StorageVersion': METADATA_AND_SPEC,
  'networking.k8s.io/ServiceCIDR': METADATA_AND_SPEC,
  'resource.k8s.io/DeviceTaintRule': METADATA_AND_SPEC,
  'resource.k8s.io/ResourceClaim': METADATA_AND_SPEC,
  'resource.k8s.io/ResourcePoolStatusRequest': METADATA_AND_SPEC,
  'scheduling.k8s.io/PodGroup': METADATA_AND_SPEC,
  'storage.k8s.io/VolumeAttachment': METADATA_AND_SPEC,
  'storagemigration.k8s.io/StorageVersionMigration': METADATA_AND_SPEC,
};

/** Their status strategy means to keep the metadata and does not: finalizers go by it. */
const STATUS_MOVES_METADATA = 'apiextensions.k8s.io/CustomResourceDefinition';

/** Whether a write of `status` leaves all of the metadata as it was. */
export function statusKeepsMetadata({ group, kind }: { group: string; kind: string }): boolean {
  const name = `${group}/${kind}`;
  return STATUS_WRITES[name] === METADATA_AND_SPEC && name !== STATUS_MOVES_METADATA;
}

/** Other subresources of single kinds, by `<group>/<kind>/<subresource>`. */
const SUBRESOURCES: Readonly<Record<string, FieldFilter>> = {
  'certificates.k8s.io/CertificateSigningRequest/approval': removing({
    'f:spec': LEAF,
    'f:status': { 'f:certificate': LEAF },
  }),
  '/Namespace/finalize': removing(STATUS),
};

function removing(set: FieldSet): FieldFilter {
  return (fields) => recursiveDifference(fields, set);
}

const NOTHING: FieldFilter = (set) => set;

export function resetFilter(kind: Kind<KubeObject>, subresource: string): FieldFilter {
  const name = `${kind.group}/${kind.kind}`;
  if (subresource === '') {
    // Who asks for a certificate cannot change what was asked.
    if (name === 'certificates.k8s.io/CertificateSigningRequest') return removing(SPEC_AND_STATUS);
    return kind.hasStatus === true ? removing(STATUS) : NOTHING;
  }
  if (subresource === 'status') return removing(STATUS_WRITES[name] ?? SPEC);
  return SUBRESOURCES[`${name}/${subresource}`] ?? NOTHING;
}
