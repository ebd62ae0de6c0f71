/**
 * Pods by chance, in namespaces that enforce one level and warn of another: what is refused, and what
 * the warnings say. Also of what holds a pod's template, and of namespaces whose labels change.
 */
import type { Pod, PodSpec, SecurityContext, Volume } from '#api/gen/core-v1.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { Dice } from '../../fuzz/dice.ts';
import { randomPod } from '../../pod-security/pods.ts';
import type { Case, CaseRequest } from '../model.ts';
import { type Area, create, dry, namespaceOf, namespaceWithAccount } from './requests.ts';

const PODS = 3_000;
const TEMPLATES = 200;
const PREFIX = 'pod-security.kubernetes.io';

interface Held {
  readonly enforce: string;
  readonly warn: string;
}

/** `baseline` alone is `baseline:latest`. */
const LEVELS: Readonly<Record<string, Held>> = {
  'ps-latest': { enforce: 'baseline:latest', warn: 'restricted:latest' },
  'ps-restricted': { enforce: 'restricted:latest', warn: 'baseline:latest' },
  'ps-warned': { enforce: 'privileged', warn: 'restricted' },
  'ps-0': { enforce: 'baseline:v1.0', warn: 'restricted:v1.0' },
  'ps-8': { enforce: 'restricted:v1.8', warn: 'baseline:v1.18' },
  'ps-19': { enforce: 'baseline:v1.19', warn: 'restricted:v1.19' },
  'ps-22': { enforce: 'restricted:v1.22', warn: 'restricted:v1.25' },
  'ps-25': { enforce: 'restricted:v1.25', warn: 'baseline:v1.27' },
  'ps-27': { enforce: 'baseline:v1.27', warn: 'restricted:v1.28' },
  'ps-29': { enforce: 'baseline:v1.29', warn: 'restricted:v1.30' },
  'ps-32': { enforce: 'restricted:v1.32', warn: 'baseline:v1.31' },
  'ps-34': { enforce: 'baseline:v1.34', warn: 'restricted:v1.33' },
  'ps-35': { enforce: 'restricted:v1.35', warn: 'baseline:v1.99' },
};
const NAMES = Object.keys(LEVELS);

export function podSecurityArea(corpusSeed: number): Area {
  const from = (corpusSeed - 1) * 100_000;
  return {
    stored: [
      ...Object.entries(LEVELS).flatMap(([name, held]) => namespaceWithAccount(name, labels(held))),
      ...namespaceWithAccount('ps-labelled'),
      ...stayingPods(),
    ],
    cases: [...podCases(from), ...templateCases(from), ...labelCases(), ...ephemeralCases()],
  };
}

function labels({ enforce, warn }: Held): Record<string, string> {
  const [level = '', version] = enforce.split(':');
  const [warned = '', since] = warn.split(':');
  return {
    [`${PREFIX}/enforce`]: level,
    [`${PREFIX}/warn`]: warned,
    ...(version === undefined ? {} : { [`${PREFIX}/enforce-version`]: version }),
    ...(since === undefined ? {} : { [`${PREFIX}/warn-version`]: since }),
  };
}

/** What each sort of volume needs to be valid. */
const VOLUMES: Readonly<Record<string, JsonObject>> = {
  hostPath: { path: '/a' },
  nfs: { server: 's', path: '/a' },
  iscsi: { targetPortal: '1.2.3.4', iqn: 'iqn.2015-02.example.com:test', lun: 0 },
  gitRepo: { repository: 'r' },
  configMap: { name: 'a' },
  secret: { secretName: 'a' },
  csi: { driver: 'a.b' },
  image: { reference: 'i' },
  ephemeral: {
    volumeClaimTemplate: {
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  },
  projected: { sources: [] },
  fc: { targetWWNs: ['a'], lun: 0 },
  downwardAPI: { items: [] },
  persistentVolumeClaim: { claimName: 'a' },
  storageos: { volumeName: 'a' },
};

/** What validation wants of annotations: these values are no profiles. */
const NO_PROFILE: Readonly<Record<string, readonly string[]>> = {
  'container.apparmor': ['docker/default', 'localhost'],
  'seccomp.security': ['', 'localhost'],
  'container.seccomp': ['', 'localhost'],
};

/** A pod of the generator's, completed where validation would refuse it before the plug-in sees it. */
function creatable(seed: number): JsonObject {
  const { metadata, spec: made = { containers: [] } }: Pod = randomPod(seed);
  const { ephemeralContainers: _later, volumes = [], ...spec } = made;
  const filled = volumes.map((volume: Volume) => {
    const [source = 'emptyDir'] = Object.keys(volume).filter((key) => key !== 'name');
    return { name: volume.name, [source]: VOLUMES[source] ?? {} };
  });
  const annotations = Object.entries(metadata?.annotations ?? {}).map(([key, value]) => {
    const [, wrong = []] =
      Object.entries(NO_PROFILE).find(([start]) => key.startsWith(start)) ?? [];
    return [key, wrong.includes(value) ? 'unconfined' : value];
  });
  const valid = spec as PodSpec;
  completeWindows(valid);
  for (const container of valid.initContainers ?? [])
    if (PROBING.some((key) => container[key] !== undefined)) container.restartPolicy = 'Always';
  for (const container of [...valid.containers, ...(valid.initContainers ?? [])])
    completeContext(valid, container.securityContext);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', annotations: Object.fromEntries(annotations) },
    spec: {
      ...(valid as unknown as JsonObject),
      ...(filled.length === 0 ? {} : { volumes: filled }),
    },
  };
}

const PROBING = ['livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const;

/** One process of the host's makes all of the pod's such, and the pod one of the host's network. */
function completeWindows(spec: PodSpec): void {
  if (spec.os?.name === 'windows') delete spec.hostUsers;
  const containers = [...spec.containers, ...(spec.initContainers ?? [])];
  const contexts = [spec, ...containers].map(({ securityContext }) => securityContext);
  if (!contexts.some((context) => context?.windowsOptions?.hostProcess === true)) return;
  spec.hostNetwork = true;
  for (const context of contexts)
    if (context?.windowsOptions?.hostProcess === false) delete context.windowsOptions;
  spec.securityContext = { ...spec.securityContext, windowsOptions: { hostProcess: true } };
}

function completeContext(spec: PodSpec, context: SecurityContext | undefined): void {
  if (context === undefined) return;
  if (context.procMount === 'Unmasked' && spec.hostNetwork !== true) spec.hostUsers = false;
  const isMighty = context.privileged === true || context.capabilities?.add?.includes('SYS_ADMIN');
  if (isMighty === true && context.allowPrivilegeEscalation === false)
    context.allowPrivilegeEscalation = true;
}

const pods = (namespace: string): string => `/api/v1/namespaces/${namespace}/pods`;

/** Each pod in a namespace of the newest version and in one of another. */
function podCases(from: number): Case[] {
  return Array.from({ length: PODS }, (_, index) => {
    const seed = from + index + 1;
    const dice = new Dice(seed * 31);
    const body = creatable(seed);
    const namespaces = [dice.pick(NAMES.slice(0, 3)), dice.pick(NAMES.slice(3))];
    return {
      id: `pod security ${seed}: ${namespaces.join(' ')}`,
      kind: 'pod-security/pods',
      requests: namespaces.map((namespace) => dry(create(pods(namespace), body))),
    };
  });
}

const HOLDERS: readonly (readonly [url: string, kind: string])[] = [
  ['/apis/apps/v1/namespaces/$/deployments', 'Deployment'],
  ['/apis/apps/v1/namespaces/$/replicasets', 'ReplicaSet'],
  ['/apis/apps/v1/namespaces/$/statefulsets', 'StatefulSet'],
  ['/apis/apps/v1/namespaces/$/daemonsets', 'DaemonSet'],
  ['/apis/batch/v1/namespaces/$/jobs', 'Job'],
  ['/apis/batch/v1/namespaces/$/cronjobs', 'CronJob'],
  ['/api/v1/namespaces/$/replicationcontrollers', 'ReplicationController'],
  ['/api/v1/namespaces/$/podtemplates', 'PodTemplate'],
];

function holder(kind: string, pod: JsonObject): JsonObject {
  const app = { app: 'web' };
  const { annotations } = pod['metadata'] as JsonObject;
  const never = kind.endsWith('Job') ? { restartPolicy: 'Never' } : {};
  const template: JsonObject = {
    metadata: { labels: app, annotations: annotations ?? {} },
    spec: { ...(pod['spec'] as JsonObject), ...never },
  };
  if (kind === 'PodTemplate') return { template };
  if (kind === 'Job') return { spec: { template } };
  if (kind === 'CronJob')
    return { spec: { schedule: '* * * * *', jobTemplate: { spec: { template } } } };
  const selector = kind === 'ReplicationController' ? app : { matchLabels: app };
  return {
    spec: { selector, template, ...(kind === 'StatefulSet' ? { serviceName: 'web' } : {}) },
  };
}

function templateCases(from: number): Case[] {
  return Array.from({ length: TEMPLATES }, (_, index) => {
    const dice = new Dice(from + index * 17 + 5);
    const [url, kind] = dice.pick(HOLDERS);
    const namespace = dice.pick(NAMES);
    const body = { metadata: { name: 'web' }, ...holder(kind, creatable(from + 10_000 + index)) };
    return {
      id: `pod security of templates ${index}: ${kind} in ${namespace}`,
      kind: 'pod-security/templates',
      requests: [dry(create(url.replace('$', namespace), body))],
    };
  });
}

/** Pods that are there when the labels of their namespace change. */
function stayingPods(): CaseRequest[] {
  const made = (name: string, spec: JsonObject, owner?: string): CaseRequest =>
    create(pods('ps-labelled'), {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        ...(owner === undefined
          ? {}
          : {
              ownerReferences: [
                {
                  apiVersion: 'apps/v1',
                  kind: 'ReplicaSet',
                  name: owner,
                  uid: 'u',
                  controller: true,
                },
              ],
            }),
      },
      spec: { containers: [{ name: 'a', image: 'a' }], ...spec },
    });
  const privileged = {
    containers: [{ name: 'a', image: 'a', securityContext: { privileged: true } }],
  };
  return [
    made('plain', {}),
    made('host', { hostNetwork: true, hostPID: true }),
    made('privileged', privileged),
    made('of-set-1', privileged, 'set'),
    made('of-set-2', privileged, 'set'),
  ];
}

function labelCases(): Case[] {
  const values = ['baseline', 'restricted', 'privileged', 'Baseline', '', 'secure'];
  const versions = [undefined, 'latest', 'v1.20', 'v1.99', '1.20', 'v2.0', ''];
  const bodies = values.flatMap((value) =>
    versions.map(
      (version): JsonObject => ({
        [`${PREFIX}/enforce`]: value,
        ...(version === undefined ? {} : { [`${PREFIX}/enforce-version`]: version }),
      }),
    ),
  );
  const others = ['warn', 'audit'].flatMap((mode) =>
    values.map((value): JsonObject => ({ [`${PREFIX}/${mode}`]: value })),
  );
  const headers = { 'content-type': 'application/merge-patch+json' };
  return [...bodies, ...others].flatMap((given, index): Case[] => {
    const change = { method: 'PATCH', url: '/api/v1/namespaces/ps-labelled', headers };
    const fresh = namespaceOf('ps-new', given as Record<string, string>);
    return [
      {
        id: `pod security of labels ${index}: ${JSON.stringify(given)}`,
        kind: 'pod-security/labels',
        requests: [dry({ ...change, body: { metadata: { labels: given } } }), dry(fresh)],
      },
    ];
  });
}

/** Containers that come later are looked at as all others are. */
function ephemeralCases(): Case[] {
  const contexts: readonly (Json | undefined)[] = [
    undefined,
    { privileged: true },
    { capabilities: { add: ['SYS_ADMIN'] } },
    {
      allowPrivilegeEscalation: false,
      runAsNonRoot: true,
      capabilities: { drop: ['ALL'] },
      seccompProfile: { type: 'RuntimeDefault' },
    },
  ];
  return ['ps-latest', 'ps-restricted', 'ps-warned'].map((namespace): Case => {
    const url = `${pods(namespace)}/staying`;
    const safe = contexts.at(-1) ?? null;
    const spec = { containers: [{ name: 'a', image: 'a', securityContext: safe }] };
    const headers = { 'content-type': 'application/strategic-merge-patch+json' };
    return {
      id: `pod security of ephemeral containers in ${namespace}`,
      kind: 'pod-security/ephemeral',
      requests: [
        create(pods(namespace), { metadata: { name: 'staying' }, spec }),
        ...contexts.map((securityContext) =>
          dry({
            method: 'PATCH',
            url: `${url}/ephemeralcontainers`,
            headers,
            body: {
              spec: {
                ephemeralContainers: [
                  {
                    name: 'e',
                    image: 'e',
                    ...(securityContext === undefined ? {} : { securityContext }),
                  },
                ],
              },
            },
          }),
        ),
        dry({ method: 'PATCH', url, headers, body: { metadata: { labels: { a: 'b' } } } }),
        { method: 'DELETE', url: `${url}?gracePeriodSeconds=0` },
      ],
    };
  });
}
