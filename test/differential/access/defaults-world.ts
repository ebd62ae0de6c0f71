/** Namespaces with limits, quotas and accounts, and the classes that objects name or get. */
import type { JsonObject } from '#api/meta/object.ts';
import type { CaseRequest } from '../model.ts';
import { create, namespaceWithAccount, serviceAccount } from './requests.ts';

/** `d-` and what is special about it. */
export const DEFAULTS_NAMESPACES = [
  'd-plain',
  'd-plain',
  'd-plain',
  'd-plain',
  'd-limits',
  'd-limits',
  'd-bounds',
  'd-ratio',
  'd-quota',
  'd-scopes',
  'd-class',
  'd-full',
] as const;

const STORAGE = '/apis/storage.k8s.io/v1';
const DEFAULT = (kind: string): JsonObject => ({
  annotations: { [`${kind}.kubernetes.io/is-default-class`]: 'true' },
});

/** One that is made by hand, of a cluster. */
function made(url: string, name: string, more: JsonObject, metadata: JsonObject = {}): CaseRequest {
  return create(url, { metadata: { name, ...metadata }, ...more });
}

function classes(): CaseRequest[] {
  const storage = `${STORAGE}/storageclasses`;
  const ingress = '/apis/networking.k8s.io/v1/ingressclasses';
  const priority = '/apis/scheduling.k8s.io/v1/priorityclasses';
  const runtime = '/apis/node.k8s.io/v1/runtimeclasses';
  const toleration = { key: 'runtime', operator: 'Exists', effect: 'NoSchedule' };
  return [
    made(storage, 'standard', { provisioner: 'p' }, DEFAULT('storageclass')),
    made(storage, 'fast', { provisioner: 'p', allowVolumeExpansion: true }),
    made(
      storage,
      'beta',
      { provisioner: 'p' },
      {
        annotations: { 'storageclass.beta.kubernetes.io/is-default-class': 'false' },
      },
    ),
    made(ingress, 'main', { spec: { controller: 'example.com/c' } }, DEFAULT('ingressclass')),
    made(ingress, 'side', { spec: { controller: 'example.com/c' } }),
    made(priority, 'usual', { value: 100, globalDefault: true }),
    made(priority, 'high', { value: 100_000 }),
    made(priority, 'polite', { value: 50, preemptionPolicy: 'Never' }),
    made(runtime, 'plain', { handler: 'plain' }),
    made(runtime, 'heavy', {
      handler: 'heavy',
      overhead: { podFixed: { cpu: '250m', memory: '64Mi' } },
    }),
    made(runtime, 'placed', {
      handler: 'placed',
      scheduling: { nodeSelector: { runtime: 'placed' }, tolerations: [toleration] },
    }),
  ];
}

/** Limits by namespace; two ranges in one. */
function limitRanges(): CaseRequest[] {
  const range = (namespace: string, name: string, limits: readonly JsonObject[]): CaseRequest =>
    made(`/api/v1/namespaces/${namespace}/limitranges`, name, { spec: { limits: [...limits] } });
  return [
    range('d-limits', 'a', [
      {
        type: 'Container',
        default: { cpu: '500m', memory: '256Mi', 'example.com/gpu': '1' },
        defaultRequest: { cpu: '100m', memory: '128Mi', 'ephemeral-storage': '1Gi' },
      },
    ]),
    range('d-bounds', 'a', [
      { type: 'Container', min: { cpu: '50m', memory: '32Mi' }, max: { cpu: '2', memory: '1Gi' } },
      { type: 'Pod', max: { cpu: '3', memory: '2Gi' }, min: { cpu: '100m' } },
      { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '10Gi' } },
    ]),
    range('d-ratio', 'a', [
      { type: 'Container', maxLimitRequestRatio: { cpu: '4', memory: '2' } },
      { type: 'Pod', maxLimitRequestRatio: { cpu: '3' } },
    ]),
  ];
}

/** With what its controller would have written. */
function quota(
  namespace: string,
  name: string,
  { hard, used, ...spec }: { hard: JsonObject; used: JsonObject } & JsonObject,
): CaseRequest[] {
  const url = `/api/v1/namespaces/${namespace}/resourcequotas`;
  const object = {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name },
    spec: { hard, ...spec },
  };
  return [
    create(url, object),
    { method: 'PUT', url: `${url}/${name}/status`, body: { ...object, status: { hard, used } } },
  ];
}

function quotas(): CaseRequest[] {
  return [
    ...quota('d-quota', 'compute', {
      hard: { 'requests.cpu': '2', 'limits.memory': '1Gi', pods: '10' },
      used: { 'requests.cpu': '1', 'limits.memory': '512Mi', pods: '3' },
    }),
    ...quota('d-quota', 'objects', {
      hard: {
        'count/configmaps': '5',
        services: '5',
        'services.nodeports': '2',
        'services.loadbalancers': '1',
        persistentvolumeclaims: '3',
        'requests.storage': '20Gi',
        'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
        'count/deployments.apps': '1',
      },
      used: {
        'count/configmaps': '1',
        services: '1',
        'services.nodeports': '1',
        'services.loadbalancers': '1',
        persistentvolumeclaims: '1',
        'requests.storage': '10Gi',
        'fast.storageclass.storage.k8s.io/requests.storage': '1Gi',
        'count/deployments.apps': '1',
      },
    }),
    ...quota('d-scopes', 'best-effort', {
      hard: { pods: '1' },
      used: { pods: '1' },
      scopes: ['BestEffort'],
    }),
    ...quota('d-scopes', 'long', {
      hard: { 'requests.cpu': '1' },
      used: { 'requests.cpu': '900m' },
      scopes: ['NotBestEffort', 'NotTerminating'],
    }),
    ...quota('d-class', 'high', {
      hard: { pods: '0' },
      used: { pods: '0' },
      scopeSelector: {
        matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }],
      },
    }),
    ...quota('d-full', 'nothing', {
      hard: { pods: '0', 'count/secrets': '0', services: '0', 'count/jobs.batch': '0' },
      used: { pods: '0', 'count/secrets': '0', services: '0', 'count/jobs.batch': '0' },
    }),
  ];
}

function accounts(): CaseRequest[] {
  return [...new Set(DEFAULTS_NAMESPACES)].flatMap((namespace) => [
    serviceAccount(namespace, 'pulls', { imagePullSecrets: [{ name: 'p1' }, { name: 'p2' }] }),
    serviceAccount(namespace, 'no-token', { automountServiceAccountToken: false }),
    create(`/api/v1/namespaces/${namespace}/serviceaccounts`, {
      metadata: {
        name: 'strict',
        annotations: { 'kubernetes.io/enforce-mountable-secrets': 'true' },
      },
      secrets: [{ name: 's1' }],
    }),
  ]);
}

/** What stands before the cases of defaults. Limits and quotas come last. */
export function defaultsWorld(): CaseRequest[] {
  return [
    ...[...new Set(DEFAULTS_NAMESPACES)].flatMap((namespace) => namespaceWithAccount(namespace)),
    ...accounts(),
    ...classes(),
    ...limitRanges(),
    ...quotas(),
  ];
}
