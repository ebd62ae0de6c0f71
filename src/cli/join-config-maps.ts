/**
 * What a cluster tells a machine that joins it, as kubeadm does: where the API server is and by what
 * authority to know it (anybody may read that), the ranges and names of the cluster, and the
 * settings of its kubelets. Pure.
 *
 * Source: kubeadm.k8s.io/v1beta4 ClusterConfiguration, kubelet.config.k8s.io/v1beta1
 * KubeletConfiguration; upstream cmd/kubeadm/app/phases/{bootstraptoken/clusterinfo,uploadconfig,
 * kubelet}, v1.36.
 */
import { toYaml } from '#api/codec/yaml.ts';
import type { Json } from '#api/meta/object.ts';
import { KUBERNETES_VERSION } from '#apiserver/version.ts';
import { CLUSTER_INFO, CLUSTER_INFO_KEY } from '#kubelet/bootstrap/cluster-info.ts';
import type { ClusterConfig } from './cluster-config.ts';
import {
  CLUSTER_CONFIGURATION_KEY,
  DNS_ANNOTATION,
  KUBEADM_CONFIG,
  KUBELET_CONFIG,
  KUBELET_CONFIGURATION_KEY,
  LOAD_BALANCER_POOLS_ANNOTATION,
  POD_NETWORK_ANNOTATION,
} from './join-names.ts';
import { reachableHost, urlHost } from './listen-address.ts';
import { publishedSettings } from './kubelet-settings.ts';

export interface JoinFacts {
  readonly config: ClusterConfig;
  /** PEM, the cluster's authority. */
  readonly authority: string;
  /** Where the certificates of the cluster lie on its own machine. */
  readonly certificatesDirectory: string;
  /** What `kubelet-config` says already; undefined: there is none. */
  readonly kubeletConfiguration?: string | undefined;
}

interface ConfigMapObject {
  readonly apiVersion: 'v1';
  readonly kind: 'ConfigMap';
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly data: Readonly<Record<string, string>>;
}

/** `kube-public/cluster-info` without its signatures, `kubeadm-config` and `kubelet-config`. */
export function joinConfigMaps(facts: JoinFacts): ConfigMapObject[] {
  const map = (metadata: ConfigMapObject['metadata'], key: string, value: Json) =>
    ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata,
      data: { [key]: typeof value === 'string' ? value : toYaml(value) },
    }) as const;
  const { podNetwork, dns = 'node', loadBalancerPools = [] } = facts.config;
  const annotations = {
    [DNS_ANNOTATION]: dns,
    [POD_NETWORK_ANNOTATION]: podNetwork,
    [LOAD_BALANCER_POOLS_ANNOTATION]: loadBalancerPools.join(' '),
  };
  return [
    map(CLUSTER_INFO, CLUSTER_INFO_KEY, clusterInfo(facts)),
    map({ ...KUBEADM_CONFIG, annotations }, CLUSTER_CONFIGURATION_KEY, clusterConfiguration(facts)),
    map(
      KUBELET_CONFIG,
      KUBELET_CONFIGURATION_KEY,
      publishedSettings(facts.config, facts.kubeletConfiguration),
    ),
  ];
}

/** Where other machines reach the API server. */
function endpointOf(config: ClusterConfig): string {
  return `${urlHost(reachableHost(config))}:${config.listenPort}`;
}

/** A kubeconfig of a cluster without a name, which nobody uses as anybody. */
function clusterInfo({ config, authority }: JoinFacts): Json {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: '',
        cluster: {
          server: `https://${endpointOf(config)}`,
          'certificate-authority-data': Buffer.from(authority).toString('base64'),
        },
      },
    ],
    contexts: null,
    'current-context': '',
    preferences: {},
    users: null,
  };
}

/** Of what has no counterpart here (etcd, image repositories) nothing is said. */
function clusterConfiguration({ config, certificatesDirectory }: JoinFacts): Json {
  return {
    apiVersion: 'kubeadm.k8s.io/v1beta4',
    kind: 'ClusterConfiguration',
    certificatesDir: certificatesDirectory,
    clusterName: 'coxswain',
    controlPlaneEndpoint: endpointOf(config),
    encryptionAlgorithm: 'ECDSA-P256',
    kubernetesVersion: KUBERNETES_VERSION,
    networking: {
      dnsDomain: config.clusterDomain,
      podSubnet: config.podCidr,
      serviceSubnet: config.serviceClusterIpRange,
    },
  };
}
