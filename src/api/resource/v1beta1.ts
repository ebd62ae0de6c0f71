/**
 * Devices in resource.k8s.io/v1beta1: a request says itself what v1 says in `exactly`, and what a
 * device is lies in `basic`. Stored as v1.
 *
 * Source: upstream pkg/apis/resource/v1beta1/conversion.go and defaults.go.
 */
import { anyKind, type AnyKind, defineKind, type Kind } from '../kind.ts';
import type { KubeObject } from '../meta/object.ts';
import type { VersionTraits } from '../same-fields.ts';

const V1 = 'resource.k8s.io/v1';
const V1BETA1 = 'resource.k8s.io/v1beta1';
const OF_REQUEST = [
  'deviceClassName',
  'selectors',
  'allocationMode',
  'count',
  'adminAccess',
  'tolerations',
  'capacity',
] as const;

type Members = Readonly<Record<string, unknown>>;
type Change = (spec: Members) => Members;

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `value` with `change` done to the member at `path`; lists are gone through. */
function changeAt(value: unknown, path: readonly string[], change: Change): unknown {
  if (Array.isArray(value)) return value.map((item) => changeAt(item, path, change));
  if (!isMembers(value)) return value;
  const [name, ...rest] = path;
  if (name === undefined) return change(value);
  return name in value ? { ...value, [name]: changeAt(value[name], rest, change) } : value;
}

/** Splits `value` into the members that `names` holds and the others. */
function split(value: Members, isIn: (name: string) => boolean): [Members, Members] {
  const entries = Object.entries(value);
  return [
    Object.fromEntries(entries.filter(([name]) => isIn(name))),
    Object.fromEntries(entries.filter(([name]) => !isIn(name))),
  ];
}

const ofRequest = (name: string): boolean => (OF_REQUEST as readonly string[]).includes(name);
const isSet = (value: unknown): boolean => value !== undefined && value !== '' && value !== 0;

function nestRequest(request: Members): Members {
  const [exactly, rest] = split(request, ofRequest);
  return Object.values(exactly).some(isSet) ? { ...rest, exactly } : rest;
}

function flattenRequest({ exactly, ...rest }: Members): Members {
  return { ...rest, ...(isMembers(exactly) ? exactly : { deviceClassName: '' }) };
}

const flattenDevice = ({ basic, ...rest }: Members): Members => ({
  ...rest,
  ...(isMembers(basic) ? basic : {}),
});

function nestDevice(device: Members): Members {
  const [name, basic] = split(device, (member) => member === 'name');
  return { ...name, basic };
}

interface Older {
  /** Where requests or devices are. */
  readonly path: readonly string[];
  readonly toStored: Change;
  readonly fromStored: Change;
}

const requestsAt = (...path: string[]): Older => ({
  path: [...path, 'devices', 'requests'],
  toStored: nestRequest,
  fromStored: flattenRequest,
});
const DEVICES: Older = {
  path: ['spec', 'devices'],
  toStored: flattenDevice,
  fromStored: nestDevice,
};

function inV1beta1<T extends KubeObject>(
  kind: Kind<T>,
  { path, toStored, fromStored }: Older,
  traits: VersionTraits,
): AnyKind {
  // Columns, selectors and rules read fields that both versions have, or the object as it is stored.
  const stored = (object: KubeObject): T =>
    changeAt({ ...object, apiVersion: V1 }, path, toStored) as T;
  const served = (object: KubeObject): T =>
    changeAt({ ...object, apiVersion: V1BETA1 }, path, fromStored) as T;
  return anyKind(
    defineKind<T>({
      ...kind,
      version: 'v1beta1',
      schema: kind.schema.replace('.v1.', '.v1beta1.'),
      storedAs: {
        group: kind.group,
        version: kind.version,
        schema: kind.schema,
        toStored: stored,
        fromStored: served,
      },
      setDefaults: (object) => {
        const whole = structuredClone(stored(object));
        kind.setDefaults?.(whole);
        Object.assign(object, served(whole));
      },
      prepareForStatusUpdate: (next, old, context) => {
        const whole = structuredClone(stored(next));
        kind.prepareForStatusUpdate?.(whole, stored(old), context);
        Object.assign(next, served(whole));
      },
      namespaceLabelNeeded: (next, old) =>
        kind.namespaceLabelNeeded?.(stored(next), old === undefined ? undefined : stored(old)),
      permissionsNeeded: (next, old, user) =>
        kind.permissionsNeeded?.(stored(next), stored(old), user) ?? [],
      validate: (object) => kind.validate?.(stored(object)) ?? [],
      validateCreate: (object) => kind.validateCreate?.(stored(object)) ?? [],
      validateUpdate: (next, old) => kind.validateUpdate?.(stored(next), stored(old)) ?? [],
      validateStatus: (next, old, context) =>
        kind.validateStatus?.(stored(next), stored(old), context) ?? [],
      ...traits,
    }),
  );
}

export const claimInV1beta1 = <T extends KubeObject>(kind: Kind<T>, traits: VersionTraits) =>
  inV1beta1(kind, requestsAt('spec'), traits);
export const templateInV1beta1 = <T extends KubeObject>(kind: Kind<T>, traits: VersionTraits) =>
  inV1beta1(kind, requestsAt('spec', 'spec'), traits);
export const sliceInV1beta1 = <T extends KubeObject>(kind: Kind<T>, traits: VersionTraits) =>
  inV1beta1(kind, DEVICES, traits);
