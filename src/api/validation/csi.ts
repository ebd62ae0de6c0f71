/** CSI drivers, their nodes and capacities. Upstream: pkg/apis/storage/validation/validation.go. */
import type {
  CSIDriver,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  TokenRequest,
} from '#api/gen/storage-v1.ts';
import {
  duplicate,
  type FieldError,
  type FieldPath,
  fieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { optionalOneOf, present, qualifiedName, subdomain } from './common.ts';
import { immutable, nonnegative, validateLabelSelector } from './metadata.ts';
import { nonnegativeQuantity } from './resource-names.ts';
import { validateDriverName } from './volumes.ts';

const SPEC = fieldPath('spec');
const GROUP_POLICIES = ['File', 'None', 'ReadWriteOnceWithFSType'];
const LIFECYCLE_MODES = ['Persistent', 'Ephemeral'];
const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;
const UPDATE_PERIOD_SECONDS_MIN = 10;
const NODE_ID_MAX = 256;

function validateTokenRequests(requests: readonly TokenRequest[], at: FieldPath): FieldError[] {
  const audiences = new Set<string>();
  return requests.flatMap(
    ({ audience = '', expirationSeconds: seconds }: Partial<TokenRequest>, i) => {
      const here = at.index(i);
      if (audiences.has(audience)) return [duplicate(here.child('audience'), audience)];
      audiences.add(audience);
      const where = here.child('expirationSeconds');
      if (seconds !== undefined && seconds < TOKEN_SECONDS_MIN) {
        return [invalidValue(where, seconds, 'may not specify a duration less than 10 minutes')];
      }
      if (seconds !== undefined && seconds > TOKEN_SECONDS_MAX) {
        return [
          invalidValue(where, seconds, 'may not specify a duration larger than 2^32 seconds'),
        ];
      }
      return [];
    },
  );
}

export function validateCsiDriver({ spec = {} }: CSIDriver): FieldError[] {
  const errors: FieldError[] = [];
  // Upstream's name of the first field is not that of the API.
  if (spec.attachRequired === undefined) errors.push(required(SPEC.child('attachedRequired')));
  for (const field of ['podInfoOnMount', 'storageCapacity', 'seLinuxMount'] as const) {
    if (spec[field] === undefined) errors.push(required(SPEC.child(field)));
  }
  errors.push(
    ...optionalOneOf(spec.fsGroupPolicy, GROUP_POLICIES, SPEC.child('fsGroupPolicy')),
    ...validateTokenRequests(spec.tokenRequests ?? [], SPEC.child('tokenRequests')),
  );
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (LIFECYCLE_MODES.includes(mode)) continue;
    errors.push(notSupported(SPEC.child('volumeLifecycleModes'), mode, LIFECYCLE_MODES));
  }
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < UPDATE_PERIOD_SECONDS_MIN) {
    const at = SPEC.child('nodeAllocatableUpdatePeriodSeconds');
    errors.push(invalidValue(at, period, 'must be greater than or equal to 10 seconds'));
  }
  const inSecrets = spec.serviceAccountTokenInSecrets;
  if (inSecrets !== undefined && (spec.tokenRequests ?? []).length === 0) {
    const detail = 'serviceAccountTokenInSecrets is set but no tokenRequests are specified';
    errors.push(invalidValue(SPEC.child('serviceAccountTokenInSecrets'), inSecrets, detail));
  }
  return errors;
}

export function validateCsiDriverUpdate(next: CSIDriver, old: CSIDriver): FieldError[] {
  const modes = 'volumeLifecycleModes';
  return [
    ...immutable(
      next.spec?.attachRequired,
      old.spec?.attachRequired,
      SPEC.child('attachedRequired'),
    ),
    ...immutable(next.spec?.[modes], old.spec?.[modes], SPEC.child(modes)),
  ];
}

function validateTopologyKeys(keys: readonly string[], at: FieldPath): FieldError[] {
  return keys.flatMap((key, i) => [
    ...(key === '' ? [required(at)] : []),
    ...(keys.indexOf(key) < i ? [duplicate(at, key)] : []),
    ...qualifiedName(key, at),
  ]);
}

function validateNodeDriver(driver: Partial<CSINodeDriver>, at: FieldPath): FieldError[] {
  const { name, nodeID = '', allocatable, topologyKeys } = driver;
  const id = at.child('nodeID');
  const errors = [...validateDriverName(name, at.child('name')), ...present(nodeID, id)];
  if (nodeID.length > NODE_ID_MAX) {
    errors.push(invalidValue(id, nodeID, `must be ${NODE_ID_MAX} characters or less`));
  }
  return [
    ...errors,
    ...nonnegative(allocatable?.count, at.child('allocatable', 'count')),
    ...validateTopologyKeys(topologyKeys ?? [], at),
  ];
}

export function validateCsiNode({ spec }: CSINode): FieldError[] {
  const at = SPEC.child('drivers');
  const names = new Set<string>();
  return (spec?.drivers ?? []).flatMap((driver, i) => {
    const errors = validateNodeDriver(driver, at.index(i));
    if (names.has(driver.name)) errors.push(duplicate(at.index(i).child('name'), driver.name));
    names.add(driver.name);
    return errors;
  });
}

/** A driver that stays may change only how many volumes it takes. */
export function validateCsiNodeUpdate(next: CSINode, old: CSINode): FieldError[] {
  const before = new Map(old.spec?.drivers?.map((driver) => [driver.name, driver]));
  return (next.spec?.drivers ?? []).flatMap(({ allocatable: _next, ...driver }) => {
    const known = before.get(driver.name);
    if (known === undefined) return [];
    const { allocatable: _old, ...rest } = known;
    return immutable(driver, rest, SPEC.child('drivers'), 'io.k8s.api.storage.v1.CSINodeDriver');
  });
}

export function validateCsiStorageCapacity(object: CSIStorageCapacity): FieldError[] {
  return [
    ...validateLabelSelector(object.nodeTopology, fieldPath('nodeTopology')),
    ...subdomain(object.storageClassName, fieldPath('storageClassName')),
    ...(object.capacity === undefined
      ? []
      : nonnegativeQuantity(object.capacity, fieldPath('capacity'))),
  ];
}

export function validateCsiStorageCapacityUpdate(
  next: CSIStorageCapacity,
  old: CSIStorageCapacity,
): FieldError[] {
  return (['nodeTopology', 'storageClassName'] as const).flatMap((field) =>
    immutable(next[field], old[field], fieldPath(field)),
  );
}
