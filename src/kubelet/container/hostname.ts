/**
 * The name that a pod's containers see as their own.
 *
 * Source: Kubernetes documentation "DNS for Services and Pods" v1.36, KEP-1797
 * (setHostnameAsFQDN), KEP-4762 (hostnameOverride). Upstream: pkg/kubelet/kubelet_pods.go
 * (GeneratePodHostNameAndDomain), pkg/kubelet/util/util.go.
 */
import { trimEndOf } from '#base/trim.ts';
import type { Pod } from '#api/gen/core-v1.ts';

const HOSTNAME_MAX = 63;
const FQDN_MAX = 64;

export interface PodHostname {
  readonly hostname: string;
  /** Empty without a subdomain. */
  readonly domain: string;
}

export function podHostname(pod: Pod, clusterDomain: string): PodHostname {
  const { spec, metadata } = pod;
  if (spec?.hostnameOverride !== undefined) {
    return { hostname: truncated(spec.hostnameOverride), domain: '' };
  }
  const own = spec?.hostname ?? '';
  const hostname = truncated(own === '' ? (metadata?.name ?? '') : own);
  const subdomain = spec?.subdomain ?? '';
  const domain = `${subdomain}.${metadata?.namespace ?? ''}.svc.${clusterDomain}`;
  return { hostname, domain: subdomain === '' ? '' : domain };
}

function truncated(name: string): string {
  return name.length <= HOSTNAME_MAX
    ? name
    : trimEndOf(name.slice(0, HOSTNAME_MAX), (last) => last === '-' || last === '.');
}

/** What the kernel is told. Throws an Error when the full name is asked for and too long. */
export function kernelHostname({ hostname, domain }: PodHostname, pod: Pod): string {
  if (domain === '' || pod.spec?.setHostnameAsFQDN !== true) return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length <= FQDN_MAX) return full;
  throw new Error(
    `failed to construct FQDN from Pod hostname and cluster domain, FQDN ${full} is too long (${FQDN_MAX} characters is the max, ${full.length} characters requested)`,
  );
}
