/**
 * What PersistentVolumeClaims use of a quota: number and storage, in all and by storage class.
 *
 * Upstream: pkg/quota/v1/evaluator/core/persistent_volume_claims.go, v1.36; KEP-1790 (the greater of
 * asked and allocated storage), KEP-3751 (attribute classes as a scope).
 */
import type { PersistentVolumeClaim } from '#api/gen/core-v1.ts';
import { compareQuantity, wholeQuantity } from '../codec/quantity.ts';
import { type Evaluator, objectCountName } from './evaluator.ts';
import { selectsName } from './scopes.ts';

const RESOURCE = { group: '', resource: 'persistentvolumeclaims' };
const COUNT = objectCountName(RESOURCE);
const CLAIMS = 'persistentvolumeclaims';
const STORAGE = 'requests.storage';
/** `gold.storageclass.storage.k8s.io/requests.storage` */
const OF_CLASS = '.storageclass.storage.k8s.io/';
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

export const VOLUME_CLAIM_EVALUATOR: Evaluator<PersistentVolumeClaim> = {
  resource: RESOURCE,
  covers: (name) =>
    [COUNT, CLAIMS, STORAGE].includes(name) ||
    name.endsWith(OF_CLASS + CLAIMS) ||
    name.endsWith(OF_CLASS + STORAGE),
  isInScope: (claim, scope) =>
    scope.scopeName === 'VolumeAttributesClass' && selectsName(scope, attributesClasses(claim)),
  usage: (claim) => {
    const storage = storageOf(claim);
    const amounts = { [CLAIMS]: '1', ...(storage === undefined ? {} : { [STORAGE]: storage }) };
    const storageClass = storageClassOf(claim);
    if (storageClass === '') return { [COUNT]: '1', ...amounts };
    const ofClass = Object.entries(amounts).map(([name, amount]) => [
      storageClass + OF_CLASS + name,
      amount,
    ]);
    return { [COUNT]: '1', ...amounts, ...Object.fromEntries(ofClass) };
  },
  // A status may say that more was allocated, or another class of attributes.
  charges: ({ operation, subresource }) =>
    subresource === '' || (subresource === 'status' && operation === 'UPDATE'),
  // As upstream, which takes any change for one of allocated storage: so a request that is lowered
  // again, which no write is charged for, is seen at once.
  isFreedBy: () => true,
};

function storageClassOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata?.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? '';
}

/** Whole bytes. */
function storageOf({ spec, status }: PersistentVolumeClaim): string | undefined {
  const asked = spec?.resources?.requests?.['storage'];
  if (asked === undefined) return undefined;
  const allocated = status?.allocatedResources?.['storage'];
  if (allocated === undefined || compareQuantity(allocated, wholeQuantity(asked)) <= 0)
    return wholeQuantity(asked);
  return wholeQuantity(allocated);
}

/** That the claim asks for, has, or is on the way to. */
function attributesClasses({ spec, status }: PersistentVolumeClaim): string[] {
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.flatMap((name) => (name === undefined || name === '' ? [] : [name])))];
}
