/**
 * The settings that the kubelets of a cluster share: those of `cox up` have them, and machines that
 * join take them from the ConfigMap `kubelet-config`, where somebody may change them. Pure.
 *
 * Source: kubelet.config.k8s.io/v1beta1 KubeletConfiguration; upstream
 * cmd/kubeadm/app/phases/kubelet, v1.36.
 */
import { fromYaml } from '#api/codec/yaml.ts';
import { parseFeatureGates } from '#api/features/feature-gates.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json } from '#api/meta/object.ts';
import { API_VERSION, KIND } from '#kubelet/config/schema.ts';
import { EVICTION_HARD } from './eviction-defaults.ts';
import type { NodeConfig } from './node-config.ts';

type SharedFacts = Pick<NodeConfig, 'dnsAddress' | 'clusterDomain' | 'featureGates'>;

/** Upstream's defaults, but where a node is one of several on a machine that is the user's too. */
export function sharedSettings({ dnsAddress, clusterDomain, featureGates }: SharedFacts) {
  const gates = Object.fromEntries(parseFeatureGates(featureGates ?? ''));
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    authentication: { anonymous: { enabled: false }, webhook: { enabled: true } },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    clusterDNS: [dnsAddress],
    clusterDomain,
    evictionHard: EVICTION_HARD,
    // The machine is taken as it is.
    failCgroupV1: false,
    failSwapOn: false,
    ...(Object.keys(gates).length === 0 ? {} : { featureGates: gates }),
    oomScoreAdj: 0,
    // One machine, one user: nobody has to be kept from asking too much.
    serializeImagePulls: false,
    registryPullQPS: 0,
    kubeAPIQPS: 1000,
    kubeAPIBurst: 2000,
  };
}

/**
 * As the ConfigMap has it. `published`: what is in it already, as text; somebody may have changed it,
 * and that stays; what nobody can read stays too, for whoever wrote it.
 */
export function publishedSettings(
  facts: SharedFacts,
  published: string | undefined,
): Json | string {
  const own = {
    ...sharedSettings(facts),
    rotateCertificates: true,
    serverTLSBootstrap: true,
  };
  if (published === undefined) return own;
  try {
    const known = fromYaml(published) ?? {};
    if (!isJsonObject(known)) return published;
    const isWhole = Object.keys(own).every((name) => name in known);
    // As it was written, with its comments.
    return isWhole ? published : { ...own, ...known };
  } catch {
    return published;
  }
}
