/**
 * Volume sources that v1.36 serves by CSI drivers alone, or not at all any more: their fields are
 * checked as ever. Pods and persistent volumes have most of them in common.
 *
 * Source: upstream pkg/apis/core/validation/validation.go (validateISCSIVolumeSource and the like).
 */
import type { PersistentVolumeSpec, Volume } from '#api/gen/core-v1.ts';
import {
  type FieldError,
  type FieldPath,
  invalidValue,
  notSupported,
  required,
} from '../meta/field.ts';
import { isDns1123Label } from '../meta/names.ts';
import { label, optionalOneOf, present } from './common.ts';
import { invalidAll } from './metadata.ts';

/** Pods' sources and persistent volumes' have the same fields, but for references to secrets. */
type Sources = Pick<PersistentVolumeSpec, Extract<keyof PersistentVolumeSpec, keyof Volume>> &
  Volume;
type Source<K extends keyof Sources> = Partial<NonNullable<Sources[K]>>;
type Rules = {
  readonly [K in keyof Sources]?: (source: Source<K>, at: FieldPath) => FieldError[];
};

const BYTE_MAX = 255;
const IN_BYTE = 'must be between 0 and 255, inclusive';
/** As upstream says it, though 0 is allowed. */
const PARTITION = 'must be between 1 and 255, inclusive';
const ISCSI_NAMES: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([A-Za-z0-9\-.]+)(:[^,;*&$|\s]+)$/,
  eui: /^eui.[A-Za-z0-9]{16}$/,
  naa: /^naa.[A-Za-z0-9]{32}$/,
};
export const ISCSI_NAME_MAX = 64;
export const ISCSI_NAME_TOO_LONG =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';
const TENANT_MAX = 64;
const REGISTRY = 'must be a host:port pair or multiple pairs separated by commas';
const CACHING_MODES = ['None', 'ReadOnly', 'ReadWrite'];
const DISK_KINDS = ['Dedicated', 'Managed', 'Shared'];
const MANAGED_URI =
  '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const BLOB_URI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

const inByte = (value: number, at: FieldPath, detail: string): FieldError[] =>
  value < 0 || value > BYTE_MAX ? [invalidValue(at, value, detail)] : [];

/** `startDetail`: what is said of a name that is none of the three kinds. */
function iscsiName(name: string, at: FieldPath, startDetail: string): FieldError[] {
  const pattern = ISCSI_NAMES[name.slice(0, 3)];
  if (pattern === undefined) return [invalidValue(at, name, startDetail)];
  return pattern.test(name) ? [] : [invalidValue(at, name, 'must be valid format')];
}

function iscsi(source: Source<'iscsi'>, at: FieldPath, startDetail: string): FieldError[] {
  const { targetPortal, iqn = '', lun = 0, initiatorName, secretRef } = source;
  const chap = source.chapAuthDiscovery === true || source.chapAuthSession === true;
  return [
    ...present(targetPortal, at.child('targetPortal')),
    ...(iqn === '' ? [required(at.child('iqn'))] : iscsiName(iqn, at.child('iqn'), startDetail)),
    ...inByte(lun, at.child('lun'), IN_BYTE),
    ...(chap && secretRef === undefined ? [required(at.child('secretRef'))] : []),
    ...(initiatorName === undefined
      ? []
      : iscsiName(initiatorName, at.child('initiatorname'), startDetail)),
  ];
}

function isHostPort(text: string): boolean {
  return /^(\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/.test(text);
}

function quobyte({ registry = '', tenant = '', volume }: Source<'quobyte'>, at: FieldPath) {
  const here = at.child('registry');
  const errors: FieldError[] = [];
  if (registry === '') errors.push(required(here, REGISTRY));
  else if (tenant.length > TENANT_MAX) {
    const detail = 'must be a UUID and may not exceed a length of 64 characters';
    errors.push(required(at.child('tenant'), detail));
  } else {
    const bad = registry.split(',').filter((pair) => !isHostPort(pair));
    errors.push(...bad.map(() => invalidValue(here, registry, REGISTRY)));
  }
  return [...errors, ...present(volume, at.child('volume'))];
}

function flocker({ datasetName = '', datasetUUID = '' }: Source<'flocker'>, at: FieldPath) {
  const errors: FieldError[] = [];
  if (datasetName === '' && datasetUUID === '')
    errors.push(required(at, 'one of datasetName and datasetUUID is required'));
  if (datasetName !== '' && datasetUUID !== '') {
    const detail = 'datasetName and datasetUUID can not be specified simultaneously';
    errors.push(invalidValue(at, 'resource', detail));
  }
  if (datasetName.includes('/'))
    errors.push(invalidValue(at.child('datasetName'), datasetName, "must not contain '/'"));
  return errors;
}

function fibreChannel({ targetWWNs = [], wwids = [], lun }: Source<'fc'>, at: FieldPath) {
  const here = at.child('targetWWNs');
  const errors: FieldError[] = [];
  if (targetWWNs.length === 0 && wwids.length === 0)
    errors.push(required(here, 'must specify either targetWWNs or wwids, but not both'));
  if (targetWWNs.length === 0) return errors;
  if (wwids.length > 0) {
    const detail = 'targetWWNs and wwids can not be specified simultaneously';
    errors.push(invalidValue(here, targetWWNs, detail));
  }
  if (lun === undefined)
    errors.push(required(at.child('lun'), 'lun is required if targetWWNs is specified'));
  else errors.push(...inByte(lun, at.child('lun'), IN_BYTE));
  return errors;
}

function azureDisk(source: Source<'azureDisk'>, at: FieldPath): FieldError[] {
  const { diskName, diskURI = '', cachingMode, kind } = source;
  const here = at.child('diskURI');
  const [start, form] =
    kind === 'Managed' ? ['/subscriptions/', MANAGED_URI] : ['https://', BLOB_URI];
  return [
    ...present(diskName, at.child('diskName')),
    ...present(diskURI, here),
    ...optionalOneOf(cachingMode, CACHING_MODES, at.child('cachingMode')),
    ...optionalOneOf(kind, DISK_KINDS, at.child('kind')),
    ...(kind === undefined || diskURI.startsWith(start)
      ? []
      : [notSupported(here, diskURI, [form])]),
  ];
}

function flexVolume({ driver, options }: Source<'flexVolume'>, at: FieldPath): FieldError[] {
  const reserved = Object.keys(options ?? {}).filter((key) =>
    /\.(kubernetes|k8s)\.io$/i.test(`.${key.split('/')[0] ?? ''}`),
  );
  return [
    ...present(driver, at.child('driver')),
    ...reserved.map((key) =>
      invalidValue(
        at.child('options').key(key),
        key,
        'kubernetes.io and k8s.io namespaces are reserved',
      ),
    ),
  ];
}

/** A member that must be there, by its name. */
function needs(...names: readonly string[]) {
  return (source: object, at: FieldPath): FieldError[] => {
    const members = new Map<string, unknown>(Object.entries(source));
    return names.flatMap((name) =>
      present(members.get(name) as string | readonly unknown[] | undefined, at.child(name)),
    );
  };
}

interface Secret {
  readonly name?: string;
  readonly namespace?: string;
}

function secret(reference: Secret | undefined, at: FieldPath, fields: readonly (keyof Secret)[]) {
  if (reference === undefined) return [];
  return fields.flatMap((field) => present(reference[field], at.child('secretRef', field)));
}

function storageos(source: Source<'storageos'>, at: FieldPath): FieldError[] {
  const { volumeName = '', volumeNamespace = '' } = source;
  const here = at.child('volumeName');
  return [
    ...(volumeName === '' ? [required(here)] : label(volumeName, here)),
    ...(volumeNamespace === '' ? [] : label(volumeNamespace, at.child('volumeNamespace'))),
  ];
}

const disk = (partition: number | undefined, at: FieldPath): FieldError[] =>
  inByte(partition ?? 0, at.child('partition'), PARTITION);

const SHARED: Rules = {
  gcePersistentDisk: (source, at) => [
    ...needs('pdName')(source, at),
    ...disk(source.partition, at),
  ],
  awsElasticBlockStore: (source, at) => [
    ...needs('volumeID')(source, at),
    ...disk(source.partition, at),
  ],
  glusterfs: needs('endpoints', 'path'),
  flocker,
  rbd: needs('monitors', 'image'),
  cephfs: needs('monitors'),
  quobyte,
  fc: fibreChannel,
  flexVolume,
  azureFile: needs('secretName', 'shareName'),
  vsphereVolume: needs('volumePath'),
  photonPersistentDisk: needs('pdID'),
  portworxVolume: needs('volumeID'),
  azureDisk,
  scaleIO: needs('gateway', 'system', 'volumeName'),
};

const OF_PODS: Rules = {
  ...SHARED,
  iscsi: (source, at) => iscsi(source, at, 'must be valid format starting with iqn, eui, or naa'),
  cinder: (source, at) => [
    ...needs('volumeID')(source, at),
    ...secret(source.secretRef, at, ['name']),
  ],
  storageos: (source, at) => [...storageos(source, at), ...secret(source.secretRef, at, ['name'])],
};

/** A glusterfs volume's endpoints may be in a namespace. */
function endpointsNamespace(name: string | undefined, at: FieldPath): FieldError[] {
  if (name === undefined) return [];
  const detail = 'if the endpointnamespace is set, it must be a valid namespace name';
  return name === ''
    ? [invalidValue(at, name, detail)]
    : invalidAll(at, name, isDns1123Label(name));
}

const OF_PERSISTENT: Rules = {
  ...SHARED,
  glusterfs: (source, at) => {
    const { endpointsNamespace: name } = source as { readonly endpointsNamespace?: string };
    return [
      ...needs('endpoints', 'path')(source, at),
      ...endpointsNamespace(name, at.child('endpointsNamespace')),
    ];
  },
  iscsi: (source, at) => [
    ...iscsi(source, at, 'must be valid format'),
    ...secret(source.secretRef, at, ['name']),
  ],
  cinder: (source, at) => [
    ...needs('volumeID')(source, at),
    ...secret(source.secretRef, at, ['name', 'namespace']),
  ],
  azureFile: (source, at) => {
    const { secretNamespace } = source as { readonly secretNamespace?: string };
    const here = at.child('secretNamespace');
    return [
      ...needs('secretName', 'shareName')(source, at),
      ...(secretNamespace === '' ? [required(here)] : []),
    ];
  },
  storageos: (source, at) => [
    ...storageos(source, at),
    ...secret(source.secretRef, at, ['name', 'namespace']),
  ],
};

/** What is wrong with a source by the name `field`; nothing for sources that are not of this file. */
export function validateLegacyVolume(
  field: string,
  source: unknown,
  { at, isPersistent = false }: { readonly at: FieldPath; readonly isPersistent?: boolean },
): FieldError[] {
  const rules = isPersistent ? OF_PERSISTENT : OF_PODS;
  const rule = rules[field as keyof Sources] as
    | ((value: object, path: FieldPath) => FieldError[])
    | undefined;
  // Upstream's name of this one is not that of the API.
  const here = field === 'gcePersistentDisk' ? at.child('persistentDisk') : at.child(field);
  return rule?.(source as object, here) ?? [];
}
