/** Two nodes, their pods, and all that a pod can refer to: what the matrix of nodes is asked about. */
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { CaseRequest } from '../model.ts';
import { create, namespaceWithAccount, serviceAccount } from './requests.ts';

export const NODE_NAMESPACE = 'nodes';
/** What lies here no pod refers to, but a volume does. */
export const VAULT = 'vault';
export const CORE = `/api/v1/namespaces/${NODE_NAMESPACE}`;

/** The annotation of pods that a kubelet shows of its own. */
export const MIRROR = 'kubernetes.io/config.mirror';

const at =
  (url: string) =>
  (name: string, kind: string, more: JsonObject): CaseRequest =>
    create(url, { apiVersion: apiVersionOf(url), kind, metadata: { name }, ...more });

function apiVersionOf(url: string): string {
  const [, root = '', first = '', second = ''] = url.split('/');
  return root === 'api' ? first : `${first}/${second}`;
}

const node = at('/api/v1/nodes');
const pod = at(`${CORE}/pods`);
const volume = at('/api/v1/persistentvolumes');
const claim = at(`${CORE}/persistentvolumeclaims`);
const storage = (plural: string) => at(`/apis/storage.k8s.io/v1/${plural}`);

const secrets = (namespace: string, names: readonly string[]): CaseRequest[] =>
  names.map((name) => at(`/api/v1/namespaces/${namespace}/secrets`)(name, 'Secret', {}));
const configMaps = (names: readonly string[]): CaseRequest[] =>
  names.map((name) => at(`${CORE}/configmaps`)(name, 'ConfigMap', {}));

/** Every way to refer to something, `by` in each name. */
function referring(by: string): JsonObject {
  return {
    serviceAccountName: `account-${by}`,
    imagePullSecrets: [{ name: `pull-${by}` }],
    initContainers: [{ name: 'i', image: 'a', envFrom: [{ secretRef: { name: `init-${by}` } }] }],
    containers: [
      {
        name: 'a',
        image: 'a',
        envFrom: [{ secretRef: { name: `from-${by}` } }, { configMapRef: { name: `from-${by}` } }],
        env: [
          {
            name: 'A',
            valueFrom: { secretKeyRef: { name: `key-${by}`, key: 'k', optional: true } },
          },
          { name: 'B', valueFrom: { configMapKeyRef: { name: `key-${by}`, key: 'k' } } },
        ],
      },
    ],
    volumes: [
      { name: 's', secret: { secretName: `mounted-${by}` } },
      { name: 'm', configMap: { name: `mounted-${by}` } },
      {
        name: 'p',
        projected: {
          sources: [
            { secret: { name: `projected-${by}` } },
            { configMap: { name: `projected-${by}` } },
            { serviceAccountToken: { audience: `audience-${by}`, path: 't' } },
          ],
        },
      },
      { name: 'd', persistentVolumeClaim: { claimName: `disk-${by}` } },
      { name: 'e', ephemeral: { volumeClaimTemplate: { spec: CLAIM } } },
      {
        name: 'c',
        csi: { driver: `driver-${by}.example.com`, nodePublishSecretRef: { name: `csi-${by}` } },
      },
      {
        name: 'f',
        flexVolume: { driver: 'example.com/flex', secretRef: { name: `flex-${by}` } },
      },
    ],
    resourceClaims: [{ name: 'gpu', resourceClaimName: `gpu-${by}` }],
  };
}

const SECRETS = ['pull', 'init', 'from', 'key', 'mounted', 'projected', 'csi', 'flex', 'volume'];
const CLAIM = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
  storageClassName: '',
};

/** What a pod called `by` refers to. */
function referredTo(by: string): CaseRequest[] {
  return [
    ...secrets(
      NODE_NAMESPACE,
      SECRETS.map((name) => `${name}-${by}`),
    ),
    ...configMaps(['from', 'key', 'mounted', 'projected'].map((name) => `${name}-${by}`)),
    ...secrets(VAULT, [`vault-${by}`]),
    serviceAccount(NODE_NAMESPACE, `account-${by}`),
    ...['disk', 'early'].map((name) =>
      claim(`${name}-${by}`, 'PersistentVolumeClaim', {
        spec: name === 'disk' ? { ...CLAIM, volumeName: `volume-${by}` } : CLAIM,
      }),
    ),
    volume(`volume-${by}`, 'PersistentVolume', {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        claimRef: { namespace: NODE_NAMESPACE, name: `disk-${by}` },
        csi: {
          driver: `disk-${by}.example.com`,
          volumeHandle: 'h',
          nodePublishSecretRef: { namespace: VAULT, name: `vault-${by}` },
          nodeStageSecretRef: { namespace: NODE_NAMESPACE, name: `volume-${by}` },
        },
      },
    }),
    storage('csidrivers')(`disk-${by}.example.com`, 'CSIDriver', {
      spec: { tokenRequests: [{ audience: `disk-${by}` }] },
    }),
    storage('csidrivers')(`driver-${by}.example.com`, 'CSIDriver', {
      spec: { tokenRequests: [{ audience: `driver-${by}` }] },
    }),
    at(`/apis/resource.k8s.io/v1/namespaces/${NODE_NAMESPACE}/resourceclaims`)(
      `gpu-${by}`,
      'ResourceClaim',
      { spec: { devices: { requests: [{ name: 'a', exactly: { deviceClassName: 'gpu' } }] } } },
    ),
  ];
}

/** The pods, by name, and where each is bound to. */
export const PODS: Readonly<Record<string, string | undefined>> = {
  mine: 'n1',
  theirs: 'n2',
  unbound: undefined,
  lost: 'n8',
};

function pods(): CaseRequest[] {
  const bound = Object.entries(PODS).map(([name, nodeName]) =>
    pod(name, 'Pod', {
      spec: { ...referring(name), ...(nodeName === undefined ? {} : { nodeName }) },
    }),
  );
  const mirror = create(`${CORE}/pods`, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'mirror', annotations: { [MIRROR]: 'x' } },
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'a', image: 'a' }],
      automountServiceAccountToken: false,
    },
  });
  return [...bound, mirror];
}

function ofNodes(name: string): CaseRequest[] {
  return [
    node(name, 'Node', { spec: { podCIDR: '' } }),
    create('/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name },
      spec: { holderIdentity: name },
    }),
    storage('csinodes')(name, 'CSINode', { spec: { drivers: [] } }),
    storage('volumeattachments')(`attached-${name}`, 'VolumeAttachment', {
      spec: {
        attacher: 'example.com',
        nodeName: name,
        source: { persistentVolumeName: 'volume-mine' },
      },
    }),
    at('/apis/resource.k8s.io/v1/resourceslices')(`slice-${name}`, 'ResourceSlice', {
      spec: {
        driver: 'gpu.example.com',
        nodeName: name,
        pool: { name, generation: 1, resourceSliceCount: 1 },
      },
    }),
  ];
}

/** The volume `early` names its claim, which does not name it back; `late` is the other way round. */
function halfBound(): CaseRequest[] {
  const early = (by: string): Json => ({
    capacity: { storage: '1Gi' },
    accessModes: ['ReadWriteOnce'],
    claimRef: { namespace: NODE_NAMESPACE, name: `early-${by}` },
    csi: {
      driver: 'disk-mine.example.com',
      volumeHandle: 'e',
      nodePublishSecretRef: { namespace: VAULT, name: 'vault-early' },
    },
  });
  return [
    ...secrets(VAULT, ['vault-early', 'vault-nobody']),
    volume('volume-early', 'PersistentVolume', { spec: early('mine') }),
    pod('early', 'Pod', {
      spec: {
        nodeName: 'n1',
        containers: [{ name: 'a', image: 'a' }],
        volumes: [{ name: 'd', persistentVolumeClaim: { claimName: 'early-mine' } }],
      },
    }),
  ];
}

/** Everything, in the order in which it can be stored. */
export function nodeWorld(): CaseRequest[] {
  return [
    ...namespaceWithAccount(NODE_NAMESPACE),
    ...namespaceWithAccount(VAULT),
    ...Object.keys(PODS).flatMap(referredTo),
    ...['n1', 'n2'].flatMap(ofNodes),
    ...pods(),
    ...halfBound(),
    at('/apis/node.k8s.io/v1/runtimeclasses')('simple', 'RuntimeClass', { handler: 'simple' }),
    at(`${CORE}/services`)('web', 'Service', {
      spec: { ports: [{ port: 80 }], clusterIP: 'None' },
    }),
  ];
}
