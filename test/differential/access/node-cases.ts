/**
 * The matrix of nodes: what a kubelet asks of its own objects, of another node's, and of nobody's,
 * asked by the node itself, by another, and by those who are no node or no node in particular.
 */
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { Case, CaseRequest } from '../model.ts';
import { CORE, MIRROR, NODE_NAMESPACE, nodeWorld, PODS, VAULT } from './node-world.ts';
import { type Area, as, type Asker, create, dry } from './requests.ts';

const ASKERS: Readonly<Record<string, Asker>> = {
  n1: { user: 'system:node:n1', groups: ['system:nodes'] },
  n2: { user: 'system:node:n2', groups: ['system:nodes'] },
  'a node that is not registered': { user: 'system:node:n9', groups: ['system:nodes'] },
  'a node without a name': { user: 'system:node:', groups: ['system:nodes'] },
  'n1 without its group': { user: 'system:node:n1' },
  'another user of the group': { user: 'joe', groups: ['system:nodes'] },
};

/** O=system:nodes, CN=system:node:n1, signed by a key that nobody has. */
const CERTIFICATE_REQUEST =
  'LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlIck1JR1NBZ0VBTURBeEZUQVRCZ05WQkFvTURITjVjM1JsYlRwdWIyUmxjekVYTUJVR0ExVUVBd3dPYzNsegpkR1Z0T201dlpHVTZiakV3V1RBVEJnY3Foa2pPUFFJQkJnZ3Foa2pPUFFNQkJ3TkNBQVRBTW5ldjdoSjlmem1CCjFQSGoxaWwvMUxVcy8wU1hCUGhyeE1kWUZrNHFXVzBGUlVJRU5GTG40bEZ4M3lhR2RzNDJqMVd2Z2E5RWo5Z0IKY1lWZldTVnpvQUF3Q2dZSUtvWkl6ajBFQXdJRFNBQXdSUUloQU0rSUoxNU9kOTZUSmpsVVJ0RjNVc0VmejRpUwp1aG01UTNSL3Vvb0Y5UGRiQWlCZVU0dThqek9jSmh1ZFRySVZkTVFQTlZtcWhLZVEzZnlkYlFaOVVJZ3RQQT09Ci0tLS0tRU5EIENFUlRJRklDQVRFIFJFUVVFU1QtLS0tLQo=';
const MERGE = { 'content-type': 'application/merge-patch+json' };
const STRATEGIC = { 'content-type': 'application/strategic-merge-patch+json' };
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const STORAGE = '/apis/storage.k8s.io/v1';
const CLAIMS = `/apis/resource.k8s.io/v1/namespaces/${NODE_NAMESPACE}/resourceclaims`;
const SLICES = '/apis/resource.k8s.io/v1/resourceslices';
const CERTIFICATES = '/apis/certificates.k8s.io';

type Asked = Readonly<Record<string, CaseRequest>>;

const get = (url: string): CaseRequest => ({ method: 'GET', url });
const remove = (url: string): CaseRequest => ({ method: 'DELETE', url });
const patch = (url: string, body: Json, headers = MERGE): CaseRequest => ({
  method: 'PATCH',
  url,
  headers,
  body,
});
const put = (url: string, body: Json): CaseRequest => ({ method: 'PUT', url, body });

function numbered(of: string, requests: readonly CaseRequest[]): Asked {
  return Object.fromEntries(
    requests.map((request, index) => [`${of} ${index}: ${request.method} ${request.url}`, request]),
  );
}

/** Reading, and every other verb, of what pods refer to. */
function references(): Asked {
  const by = Object.keys(PODS);
  const secrets = ['pull', 'init', 'from', 'key', 'mounted', 'projected', 'csi', 'flex', 'volume'];
  const maps = ['from', 'key', 'mounted', 'projected'];
  const related = ['mine', 'theirs'];
  return numbered('references', [
    ...secrets.flatMap((name) => related.map((pod) => get(`${CORE}/secrets/${name}-${pod}`))),
    ...maps.flatMap((name) => related.map((pod) => get(`${CORE}/configmaps/${name}-${pod}`))),
    ...by.flatMap((pod) => [
      get(`${CORE}/secrets/mounted-${pod}`),
      get(`${CORE}/configmaps/mounted-${pod}`),
      get(`${CORE}/persistentvolumeclaims/disk-${pod}`),
      get(`/api/v1/persistentvolumes/volume-${pod}`),
      get(`/api/v1/namespaces/${VAULT}/secrets/vault-${pod}`),
      get(`${CORE}/serviceaccounts/account-${pod}`),
      get(`${CLAIMS}/gpu-${pod}`),
    ]),
    get(`${CORE}/persistentvolumeclaims/mine-e`),
    get(`${CORE}/persistentvolumeclaims/early-mine`),
    get('/api/v1/persistentvolumes/volume-early'),
    get(`/api/v1/namespaces/${VAULT}/secrets/vault-early`),
    get(`/api/v1/namespaces/${VAULT}/secrets/vault-nobody`),
    get(`${CORE}/secrets`),
    get(`${CORE}/secrets?fieldSelector=metadata.name%3Dmounted-mine`),
    get(`${CORE}/configmaps?fieldSelector=metadata.name%3Dmounted-mine`),
    get('/api/v1/secrets?fieldSelector=metadata.name%3Dmounted-mine'),
    dry(remove(`${CORE}/secrets/mounted-mine`)),
    dry(patch(`${CORE}/configmaps/mounted-mine`, { data: { a: 'b' } })),
    dry(create(`${CORE}/secrets`, { metadata: { name: 'new' } })),
    get(`${CORE}/persistentvolumeclaims`),
    get('/api/v1/persistentvolumes'),
    get(CLAIMS),
    dry(patch(`${CLAIMS}/gpu-mine/status`, { status: {} })),
    dry(patch(`${CORE}/persistentvolumeclaims/disk-mine`, { metadata: { labels: { a: 'b' } } })),
    dry(
      patch(`${CORE}/persistentvolumeclaims/disk-mine/status`, {
        status: { capacity: { storage: '2Gi' } },
      }),
    ),
    dry(
      patch(`${CORE}/persistentvolumeclaims/disk-mine/status`, {
        metadata: { labels: { a: 'b' } },
      }),
    ),
    dry(
      patch(`${CORE}/persistentvolumeclaims/disk-mine/status`, {
        status: { accessModes: ['ReadOnlyMany'] },
      }),
    ),
    dry(
      patch(`${CORE}/persistentvolumeclaims/disk-theirs/status`, {
        status: { capacity: { storage: '2Gi' } },
      }),
    ),
  ]);
}

/** Its Node: labels, taints, owners, and reading. */
function nodes(): Asked {
  const one = '/api/v1/nodes/n1';
  const labels = [
    'kubernetes.io/hostname',
    'kubernetes.io/os',
    'node.kubernetes.io/any',
    'x.node.kubernetes.io/any',
    'kubelet.kubernetes.io/any',
    'topology.kubernetes.io/zone',
    'beta.kubernetes.io/arch',
    'node-restriction.kubernetes.io/any',
    'x.node-restriction.kubernetes.io/any',
    'node-role.kubernetes.io/control-plane',
    'kubernetes.io/any',
    'example.k8s.io/any',
    'k8s.io/any',
    'notk8s.io/any',
    'example.com/any',
  ];
  const fresh = (name: string, metadata: JsonObject = {}, spec: JsonObject = {}): CaseRequest =>
    dry(
      create('/api/v1/nodes', {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name, ...metadata },
        spec,
      }),
    );
  const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: 'u' };
  const taints = [{ key: 'a', effect: 'NoSchedule' }];
  return numbered('nodes', [
    get(one),
    get('/api/v1/nodes/n2'),
    get('/api/v1/nodes'),
    get('/api/v1/nodes?fieldSelector=metadata.name%3Dn1'),
    ...labels.map((key) => dry(patch(one, { metadata: { labels: { [key]: 'b' } } }))),
    dry(patch(one, { metadata: { annotations: { a: 'b' } } })),
    dry(patch(one, { spec: { taints } })),
    dry(patch(one, { metadata: { ownerReferences: [owner] } })),
    dry(
      patch(one, {
        spec: { configSource: { configMap: { namespace: 'a', name: 'b', kubeletConfigKey: 'k' } } },
      }),
    ),
    dry(patch(one, { spec: { unschedulable: true } })),
    dry(patch(`${one}/status`, { status: { phase: 'Running' } })),
    dry(patch(`${one}/status`, { spec: { taints } })),
    dry(patch(`${one}/status`, { metadata: { labels: { 'node-role.kubernetes.io/x': '' } } })),
    dry(patch(`/api/v1/nodes/n2/status`, { status: { phase: 'Running' } })),
    dry(put(one, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'n1' } })),
    dry(remove(one)),
    dry(remove('/api/v1/nodes')),
    get(`${one}/proxy/healthz`),
    fresh('n9'),
    fresh('n1'),
    fresh('n10'),
    fresh('n9', {
      labels: { 'node-restriction.kubernetes.io/any': 'b', 'kubernetes.io/any': 'c' },
    }),
    fresh('n9', { labels: { 'kubernetes.io/os': 'linux' } }, { taints }),
    fresh('n9', { ownerReferences: [owner] }),
    dry(
      create('/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: { generateName: 'n' } }),
    ),
  ]);
}

/** A mirror pod of n1, with what is wrong with it. */
function mirror(
  metadata: JsonObject = {},
  spec: JsonObject = {},
  owner: JsonObject = {},
): CaseRequest {
  return dry(
    create(`${CORE}/pods`, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'new',
        annotations: { [MIRROR]: 'x' },
        ownerReferences: [
          {
            apiVersion: 'v1',
            kind: 'Node',
            name: 'n1',
            uid: '$uid(/api/v1/nodes/n1)',
            controller: true,
            ...owner,
          },
        ],
        ...metadata,
      },
      spec: {
        nodeName: 'n1',
        automountServiceAccountToken: false,
        containers: [{ name: 'a', image: 'a' }],
        ...spec,
      },
    }),
  );
}

/** Volumes that make of a mirror pod one that refers to something. */
const REFERRING: readonly JsonObject[] = [
  { secret: { secretName: 'a' } },
  { configMap: { name: 'a' } },
  { persistentVolumeClaim: { claimName: 'a' } },
  { projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
  { projected: { sources: [{ clusterTrustBundle: { name: 'a', path: 't' } }] } },
  { projected: { sources: [{ downwardAPI: {} }] } },
  { csi: { driver: 'a' } },
  { csi: { driver: 'a', nodePublishSecretRef: { name: 'a' } } },
  { emptyDir: {} },
  { hostPath: { path: '/a' } },
];

function mirrorPods(): Asked {
  const owners = [
    { uid: 'wrong' },
    { name: 'n2' },
    { kind: 'Pod' },
    { controller: false },
    { blockOwnerDeletion: true },
    { apiVersion: 'v2' },
  ];
  return numbered('mirror pods', [
    mirror(),
    mirror({ annotations: {} }),
    mirror({ ownerReferences: [] }),
    mirror({}, { nodeName: 'n2' }),
    mirror({}, { serviceAccountName: 'default' }),
    mirror({}, { resourceClaims: [{ name: 'a', resourceClaimName: 'b' }] }),
    mirror(
      {},
      { containers: [{ name: 'a', image: 'a', envFrom: [{ secretRef: { name: 'a' } }] }] },
    ),
    ...REFERRING.map((volume) => mirror({}, { volumes: [{ name: 'v', ...volume }] })),
    ...owners.map((owner) => mirror({}, {}, owner)),
  ]);
}

function pods(): Asked {
  const all = `${CORE}/pods`;
  const names = [...Object.keys(PODS), 'mirror', 'nobody'];
  const eviction = (name: string): Json => ({
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { name },
  });
  const status = (name: string, body: Json): CaseRequest =>
    dry(patch(`${all}/${name}/status`, body, STRATEGIC));
  const claims = { status: { resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'x' }] } };
  return numbered('pods', [
    ...names.flatMap((name) => [
      get(`${all}/${name}`),
      dry(remove(`${all}/${name}`)),
      dry(create(`${all}/${name}/eviction`, eviction(name))),
      status(name, { status: { message: 'm' } }),
    ]),
    dry(create(`${all}/mine/eviction`, eviction('theirs'))),
    dry(create(`${all}/mine/eviction`, eviction(''))),
    get(all),
    get('/api/v1/pods'),
    get('/api/v1/pods?fieldSelector=spec.nodeName%3Dn1'),
    get('/api/v1/pods?fieldSelector=spec.nodeName%3Dn1%2Cmetadata.name%3Dmine'),
    get('/api/v1/pods?fieldSelector=spec.nodeName!%3Dn1'),
    get(`${all}?fieldSelector=metadata.name%3Dmine`),
    get(`${all}?fieldSelector=metadata.name%3Dtheirs`),
    get(`${all}/mine/log`),
    get(`${all}/mine/status`),
    status('mine', { metadata: { labels: { a: 'b' } } }),
    status('mine', { metadata: { annotations: { a: 'b' } } }),
    status('mine', claims),
    status('mine', { spec: { nodeName: 'n2' } }),
    dry(patch(`${all}/mine`, { metadata: { labels: { a: 'b' } } })),
    dry(remove(all)),
    dry(
      create(`${all}/unbound/binding`, {
        metadata: { name: 'unbound' },
        target: { kind: 'Node', name: 'n1' },
      }),
    ),
    dry(patch(`${all}/mine/resize`, { spec: {} })),
    dry(patch(`${all}/mine/ephemeralcontainers`, { spec: {} })),
    dry(create(`${all}/mine/exec?command=a`, {})),
  ]);
}

/** A token of the account of `pod`, bound to it. */
function token(pod: string, spec: JsonObject = {}, bound: JsonObject = {}): CaseRequest {
  return create(`${CORE}/serviceaccounts/account-${pod}/token`, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'TokenRequest',
    spec: {
      audiences: [],
      boundObjectRef: {
        apiVersion: 'v1',
        kind: 'Pod',
        name: pod,
        uid: `$uid(${CORE}/pods/${pod})`,
        ...bound,
      },
      ...spec,
    },
  });
}

function tokens(): Asked {
  const audiences = [
    'audience-mine',
    'driver-mine',
    'disk-mine',
    'audience-theirs',
    'x',
    'https://kubernetes.default.svc.cluster.local',
  ];
  return numbered('tokens', [
    ...Object.keys(PODS).map((pod) => token(pod)),
    ...Object.keys(PODS).map((pod) => token(pod, { audiences: [`audience-${pod}`] })),
    ...audiences.map((audience) => token('mine', { audiences: [audience] })),
    token('mine', { audiences: ['audience-mine', 'driver-mine'] }),
    token('mine', {}, { uid: 'wrong' }),
    token('mine', {}, { uid: '' }),
    token('mine', {}, { name: '' }),
    token('mine', {}, { name: 'nobody' }),
    token('mine', {}, { name: 'theirs' }),
    token('mine', {}, { kind: 'Secret', name: 'mounted-mine' }),
    token('mine', {}, { kind: 'Node', name: 'n1', uid: '$uid(/api/v1/nodes/n1)' }),
    create(`${CORE}/serviceaccounts/account-mine/token`, { spec: { audiences: [] } }),
    get(`${CORE}/serviceaccounts`),
    get(`${CORE}/serviceaccounts/nobody`),
    dry(create(`${CORE}/serviceaccounts`, { metadata: { name: 'new' } })),
    dry(patch(`${CORE}/serviceaccounts/account-mine`, { secrets: [] })),
  ]);
}

/** Leases, CSINodes, slices and attachments. */
function ownObjects(): Asked {
  const each = ['n1', 'n2'].flatMap((name) => [
    get(`${LEASES}/${name}`),
    dry(patch(`${LEASES}/${name}`, { spec: { leaseDurationSeconds: 40 } })),
    dry(remove(`${LEASES}/${name}`)),
    get(`${STORAGE}/csinodes/${name}`),
    dry(patch(`${STORAGE}/csinodes/${name}`, { metadata: { labels: { a: 'b' } } })),
    dry(remove(`${STORAGE}/csinodes/${name}`)),
    get(`${STORAGE}/volumeattachments/attached-${name}`),
    dry(
      patch(`${STORAGE}/volumeattachments/attached-${name}/status`, { status: { attached: true } }),
    ),
    get(`${SLICES}/slice-${name}`),
    dry(patch(`${SLICES}/slice-${name}`, { metadata: { labels: { a: 'b' } } })),
    dry(remove(`${SLICES}/slice-${name}`)),
    get(`${SLICES}?fieldSelector=spec.nodeName%3D${name}`),
    dry(remove(`${SLICES}?fieldSelector=spec.nodeName%3D${name}`)),
  ]);
  const fresh = ['n1', 'n9'].flatMap((name) => [
    dry(
      create(LEASES, { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name } }),
    ),
    dry(create(`${STORAGE}/csinodes`, { metadata: { name }, spec: { drivers: [] } })),
    dry(
      create(SLICES, {
        metadata: { generateName: 'new-' },
        spec: {
          driver: 'gpu.example.com',
          nodeName: name,
          pool: { name, generation: 1, resourceSliceCount: 1 },
        },
      }),
    ),
  ]);
  return numbered('own objects', [
    ...each,
    ...fresh,
    dry(
      create(SLICES, {
        metadata: { name: 'everywhere' },
        spec: {
          driver: 'a.b',
          allNodes: true,
          pool: { name: 'p', generation: 1, resourceSliceCount: 1 },
        },
      }),
    ),
    get(LEASES),
    get('/apis/coordination.k8s.io/v1/namespaces/default/leases/n1'),
    dry(
      create('/apis/coordination.k8s.io/v1/namespaces/default/leases', {
        metadata: { name: 'n1' },
      }),
    ),
    get(`${STORAGE}/csinodes`),
    get(`${STORAGE}/volumeattachments`),
    get(SLICES),
    dry(remove(SLICES)),
  ]);
}

/** What all nodes may do alike, or no node. */
function others(): Asked {
  const request = (signerName: string, username?: string): CaseRequest =>
    dry(
      create(`${CERTIFICATES}/v1/certificatesigningrequests`, {
        metadata: { name: 'new' },
        spec: {
          request: CERTIFICATE_REQUEST,
          signerName,
          usages: ['digital signature', username ?? 'client auth'],
        },
      }),
    );
  const review = (group: string, kind: string, spec: JsonObject): CaseRequest =>
    create(`/apis/${group}/v1/${kind.toLowerCase()}s`, { apiVersion: `${group}/v1`, kind, spec });
  const event = {
    metadata: { name: 'e' },
    involvedObject: { kind: 'Pod', namespace: NODE_NAMESPACE, name: 'mine' },
  };
  return numbered('others', [
    request('kubernetes.io/kube-apiserver-client-kubelet'),
    request('kubernetes.io/kubelet-serving', 'server auth'),
    request('kubernetes.io/kube-apiserver-client'),
    request('example.com/any'),
    get(`${CERTIFICATES}/v1/certificatesigningrequests`),
    get(`${CERTIFICATES}/v1/certificatesigningrequests/nobody`),
    get(`${CERTIFICATES}/v1beta1/clustertrustbundles`),
    get(`${CERTIFICATES}/v1beta1/namespaces/${NODE_NAMESPACE}/podcertificaterequests`),
    get(`${CORE}/services`),
    get(`${CORE}/services/web`),
    dry(remove(`${CORE}/services/web`)),
    get(`${CORE}/endpoints/web`),
    get('/apis/node.k8s.io/v1/runtimeclasses'),
    get('/apis/node.k8s.io/v1/runtimeclasses/simple'),
    get(`${STORAGE}/csidrivers`),
    get(`${STORAGE}/csidrivers/disk-mine.example.com`),
    get(`${STORAGE}/storageclasses`),
    get('/api/v1/namespaces'),
    get('/apis/apps/v1/deployments'),
    get(`/apis/discovery.k8s.io/v1/namespaces/${NODE_NAMESPACE}/endpointslices`),
    dry(create(`${CORE}/events`, event)),
    dry(
      create('/api/v1/namespaces/default/events', {
        metadata: { name: 'e' },
        involvedObject: { kind: 'Node', name: 'n1' },
      }),
    ),
    get(`${CORE}/events`),
    dry(remove(`${CORE}/events/e`)),
    get('/metrics/cadvisor'),
    get('/healthz'),
    review('authorization.k8s.io', 'SubjectAccessReview', {
      user: 'joe',
      resourceAttributes: { verb: 'get', resource: 'nodes', subresource: 'proxy' },
    }),
    review('authentication.k8s.io', 'TokenReview', { token: 'nobody' }),
    review('authorization.k8s.io', 'SelfSubjectRulesReview', { namespace: NODE_NAMESPACE }),
  ]);
}

/** The matrix, one case for each cell. */
export function nodeMatrix(): Area {
  const asked = {
    ...references(),
    ...nodes(),
    ...mirrorPods(),
    ...pods(),
    ...tokens(),
    ...ownObjects(),
    ...others(),
  };
  const cases = Object.entries(asked).flatMap(([what, request]) =>
    Object.entries(ASKERS).map(
      ([who, asker]): Case => ({
        id: `node ${who}: ${what}`,
        kind: `node/${what.replace(/ \d+: .*/, '')}`,
        requests: [as(asker, request)],
      }),
    ),
  );
  return { stored: nodeWorld(), cases };
}
