/**
 * The control plane as static pods of the first node: what kubeadm writes, with our flags where
 * upstream's binaries have others (the store in place of etcd, history, pools). Pure.
 *
 * Source: upstream cmd/kubeadm/app/phases/controlplane/{manifests,volumes}.go and
 * cmd/kubeadm/app/util/staticpod/utils.go, v1.36.
 */
import { basename, dirname } from 'node:path';
import { toYaml } from '#api/codec/yaml.ts';
import type { Container, Pod, Probe, Volume } from '#api/gen/core-v1.ts';
import { isPath, nameAndValue } from '../server-argument.ts';
import { type ClusterConfig, ownAddresses } from '../cluster-config.ts';
import { everywhere, urlHost } from '../listen-address.ts';

export interface HostedFacts {
  readonly config: ClusterConfig;
  /** Of the image of this program. `key`: another one when the program is another. */
  readonly image: { readonly reference: string; readonly key: string };
  /** Of the certificates and keys that the components read: another one when one of them is. */
  readonly certificates: string;
  /** On the node: the certificates and kubeconfigs, and the store. */
  readonly pki: string;
  readonly store: string;
}

/** Files of the directory of static pods. */
export const MANIFESTS = [
  'kube-apiserver.yaml',
  'kube-controller-manager.yaml',
  'kube-scheduler.yaml',
] as const;
export type ManifestName = (typeof MANIFESTS)[number];

/** In the folder of certificates, under kubeadm's names. */
export const CONTROLLER_MANAGER_CONF = 'controller-manager.conf';
export const SCHEDULER_CONF = 'scheduler.conf';

/** A pod whose program has changed is another pod. */
export const PROGRAM_ANNOTATION = 'coxswain.dev/program';
/** So is one whose certificates have: its program reads them once, when it starts. */
export const CERTIFICATES_ANNOTATION = 'coxswain.dev/certificates';
const ENDPOINT_ANNOTATION = 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint';

/** Where a container finds what is the node's. */
const PKI = '/etc/kubernetes/pki';
const KUBERNETES = '/etc/kubernetes';
/** `--data-dir`: the store is below it. */
const DATA = '/var/lib/coxswain';

const LOOPBACK = '127.0.0.1';
const CONTROLLER_MANAGER_PORT = 10_257;
const SCHEDULER_PORT = 10_259;
const PROBE_PORT = 'probe-port';

/** The text of each manifest. The same facts give the same bytes, so that its pod stays the same. */
export function controlPlaneManifests(facts: HostedFacts): ReadonlyMap<ManifestName, string> {
  return new Map([
    ['kube-apiserver.yaml', toYaml(apiServer(facts))],
    ['kube-controller-manager.yaml', toYaml(controllerManager(facts))],
    ['kube-scheduler.yaml', toYaml(scheduler(facts))],
  ]);
}

type FlagValues = Readonly<Record<string, string | number | undefined>>;

function apiServer(facts: HostedFacts): Pod {
  const { config } = facts;
  const { nodeAddress, listenPort, history } = config;
  const chosen = chosenArguments(config);
  const flags: FlagValues = {
    'advertise-address': nodeAddress,
    // What pods are given ends within the hour, unless somebody wants it otherwise.
    'service-account-extend-token-expiration': 'false',
    ...Object.fromEntries(chosen.map(({ name, value }) => [name, value])),
    'bind-address': bindAddress(config),
    'secure-port': listenPort,
    'authorization-mode': 'Node,RBAC',
    'client-ca-file': `${PKI}/ca.crt`,
    'data-dir': DATA,
    'enable-admission-plugins': 'NodeRestriction',
    'enable-bootstrap-token-auth': 'true',
    'feature-gates': config.featureGates,
    'history-max-size': history.maxBytes,
    'history-retention': history.retentionMs === undefined ? undefined : `${history.retentionMs}ms`,
    'history-secrets': history.keepSecrets === undefined ? undefined : String(history.keepSecrets),
    'kubelet-certificate-authority': `${PKI}/ca.crt`,
    'kubelet-client-certificate': `${PKI}/apiserver-kubelet-client.crt`,
    'kubelet-client-key': `${PKI}/apiserver-kubelet-client.key`,
    profiling: 'false',
    'proxy-client-cert-file': `${PKI}/front-proxy-client.crt`,
    'proxy-client-key-file': `${PKI}/front-proxy-client.key`,
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-client-ca-file': `${PKI}/front-proxy-ca.crt`,
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-username-headers': 'X-Remote-User',
    'runtime-config': config.runtimeConfig,
    'service-account-issuer': `https://kubernetes.default.svc.${config.clusterDomain}`,
    'service-account-key-file': `${PKI}/sa.pub`,
    'service-account-signing-key-file': `${PKI}/sa.key`,
    'service-cluster-ip-range': config.serviceClusterIpRange,
    'service-node-port-range': `${config.nodePortRange.from}-${config.nodePortRange.to}`,
    'tls-cert-file': `${PKI}/apiserver.crt`,
    'tls-private-key-file': `${PKI}/apiserver.key`,
  };
  const pod = componentPod(facts, {
    component: 'kube-apiserver',
    args: ['apiserver', ...words(flags)],
    cpu: '250m',
    port: listenPort,
    probes: probes(nodeAddress, { live: '/livez', ready: '/readyz' }),
    mounts: [
      { name: 'k8s-certs', path: facts.pki, at: PKI, type: 'DirectoryOrCreate', readOnly: true },
      {
        name: 'coxswain-store',
        path: facts.store,
        at: `${DATA}/store`,
        type: 'DirectoryOrCreate',
        readOnly: false,
      },
      ...chosen.flatMap(({ mount }) => (mount === undefined ? [] : [mount])),
    ],
  });
  const annotations = {
    ...pod.metadata?.annotations,
    [ENDPOINT_ANNOTATION]: `${urlHost(nodeAddress)}:${listenPort}`,
  };
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}

/** In the pod: for each file of the flags, the folder that it lies in. */
const CHOSEN = `${KUBERNETES}/chosen`;

interface Chosen {
  readonly name: string;
  readonly value: string;
  /** Undefined where the value names no file. */
  readonly mount?: Mount;
}

/** What `--apiserver-arg` says, with files where the container finds them. */
function chosenArguments({ apiServerArguments = [] }: ClusterConfig): Chosen[] {
  return apiServerArguments.map(nameAndValue).map(({ name, value }) => {
    if (!isPath(name, value)) return { name, value };
    const at = `${CHOSEN}/${name}`;
    const mount: Mount = {
      name: `chosen-${name}`,
      path: dirname(value),
      at,
      type: 'DirectoryOrCreate',
      // Only logs are written.
      readOnly: !name.endsWith('-path'),
    };
    return { name, value: `${at}/${basename(value)}`, mount };
  });
}

/** One server listens at one address: the node's where nothing else was asked for, else at all. */
function bindAddress(config: ClusterConfig): string {
  const { listenHost, nodeAddress } = config;
  return listenHost === nodeAddress
    ? nodeAddress
    : everywhere([listenHost, ...ownAddresses(config)]);
}

function controllerManager(facts: HostedFacts): Pod {
  const { config } = facts;
  const { loadBalancerPools = [] } = config;
  const kubeconfig = `${KUBERNETES}/${CONTROLLER_MANAGER_CONF}`;
  const flags: FlagValues = {
    'allocate-node-cidrs': 'true',
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
    'bind-address': LOOPBACK,
    'client-ca-file': `${PKI}/ca.crt`,
    'cluster-cidr': config.podCidr,
    'cluster-name': 'coxswain',
    'cluster-signing-cert-file': `${PKI}/ca.crt`,
    'cluster-signing-key-file': `${PKI}/ca.key`,
    controllers: '*,bootstrapsigner,tokencleaner',
    'feature-gates': config.featureGates,
    kubeconfig,
    'leader-elect': 'true',
    'load-balancer-pools': loadBalancerPools.length === 0 ? undefined : loadBalancerPools.join(' '),
    profiling: 'false',
    'requestheader-client-ca-file': `${PKI}/front-proxy-ca.crt`,
    'root-ca-file': `${PKI}/ca.crt`,
    'service-account-private-key-file': `${PKI}/sa.key`,
    'service-cluster-ip-range': config.serviceClusterIpRange,
    'use-service-account-credentials': 'true',
  };
  return componentPod(facts, {
    component: 'kube-controller-manager',
    args: ['controller-manager', ...words(flags)],
    cpu: '200m',
    port: CONTROLLER_MANAGER_PORT,
    probes: probes(LOOPBACK, { live: '/healthz' }),
    mounts: [
      { name: 'k8s-certs', path: facts.pki, at: PKI, type: 'DirectoryOrCreate', readOnly: true },
      kubeconfigMount(facts, CONTROLLER_MANAGER_CONF),
    ],
  });
}

function scheduler(facts: HostedFacts): Pod {
  const kubeconfig = `${KUBERNETES}/${SCHEDULER_CONF}`;
  const flags: FlagValues = {
    'authentication-kubeconfig': kubeconfig,
    'authorization-kubeconfig': kubeconfig,
    'bind-address': LOOPBACK,
    'feature-gates': facts.config.featureGates,
    kubeconfig,
    'leader-elect': 'true',
    profiling: 'false',
  };
  return componentPod(facts, {
    component: 'kube-scheduler',
    args: ['scheduler', ...words(flags)],
    cpu: '100m',
    port: SCHEDULER_PORT,
    probes: probes(LOOPBACK, { live: '/livez', ready: '/readyz' }),
    mounts: [kubeconfigMount(facts, SCHEDULER_CONF)],
  });
}

function words(flags: FlagValues): string[] {
  return Object.entries(flags).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`--${name}=${value}`],
  );
}

interface Mount {
  readonly name: string;
  /** On the node. */
  readonly path: string;
  /** In the container. */
  readonly at: string;
  readonly type: 'DirectoryOrCreate' | 'File' | 'FileOrCreate';
  readonly readOnly: boolean;
}

function kubeconfigMount({ pki }: HostedFacts, file: string): Mount {
  const [path, at] = [`${pki}/${file}`, `${KUBERNETES}/${file}`];
  return { name: 'kubeconfig', path, at, type: 'FileOrCreate', readOnly: true };
}

type Probes = Pick<Container, 'livenessProbe' | 'readinessProbe' | 'startupProbe'>;

/** The start may take 4 minutes: 24 looks, 10 seconds apart. */
function probes(
  host: string,
  { live, ready }: { readonly live: string; readonly ready?: string },
): Probes {
  const probe = (path: string, times: Partial<Probe>): Probe => ({
    httpGet: { host, path, port: PROBE_PORT, scheme: 'HTTPS' },
    timeoutSeconds: 15,
    ...times,
  });
  return {
    livenessProbe: probe(live, { initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 8 }),
    ...(ready === undefined
      ? {}
      : { readinessProbe: probe(ready, { periodSeconds: 1, failureThreshold: 3 }) }),
    startupProbe: probe(live, { initialDelaySeconds: 10, periodSeconds: 10, failureThreshold: 24 }),
  };
}

interface Component {
  readonly component: string;
  readonly args: string[];
  readonly cpu: string;
  readonly port: number;
  readonly probes: Probes;
  readonly mounts: readonly Mount[];
}

function componentPod({ image, certificates }: HostedFacts, parts: Component): Pod {
  const { component, args, cpu, port, mounts } = parts;
  const container: Container = {
    name: component,
    image: image.reference,
    imagePullPolicy: 'IfNotPresent',
    args,
    ...parts.probes,
    ports: [{ name: PROBE_PORT, containerPort: port, protocol: 'TCP' }],
    resources: { requests: { cpu } },
    volumeMounts: mounts.map(({ name, at, readOnly }) => ({ name, mountPath: at, readOnly })),
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: component,
      namespace: 'kube-system',
      labels: { component, tier: 'control-plane' },
      annotations: {
        [PROGRAM_ANNOTATION]: image.key,
        [CERTIFICATES_ANNOTATION]: certificates,
      },
    },
    spec: {
      containers: [container],
      hostNetwork: true,
      priority: SYSTEM_NODE_CRITICAL,
      priorityClassName: 'system-node-critical',
      securityContext: { seccompProfile: { type: 'RuntimeDefault' } },
      volumes: mounts.map(({ name, path, type }): Volume => ({ name, hostPath: { path, type } })),
    },
  };
}

/** What the class of that name is worth: no admission tells the kubelet. */
const SYSTEM_NODE_CRITICAL = 2_000_001_000;
