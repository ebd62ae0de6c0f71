/**
 * The configuration of `cox proxy`: `KubeProxyConfiguration` of kubeproxy.config.k8s.io/v1alpha1.
 *
 * As upstream does for this version, a field that it does not know is told of, and not refused.
 *
 * Source: upstream v1.36 staging/src/k8s.io/kube-proxy/config/v1alpha1/types.go,
 * pkg/proxy/apis/config/v1alpha1/defaults.go and cmd/kube-proxy/app/options.go.
 */
import { fromYaml, YamlError } from '#api/codec/yaml.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { familyOf } from '#proxy/ip-family.ts';
import { readFile } from '../flags.ts';
import { messageOf, UserError } from '../user-error.ts';
import { type Flags, flagsWithoutEffect } from './flags.ts';
import { validateProxyConfig } from './validate.ts';

const API_VERSION = 'kubeproxy.config.k8s.io/v1alpha1';
const KIND = 'KubeProxyConfiguration';
const HEALTHZ_PORT = '10256';
const METRICS_PORT = '10249';

const PERIODS = { syncPeriod: '30s', minSyncPeriod: '1s' };

/** Every field, with its default; a list or an object without one is empty. */
const DEFAULTS = {
  apiVersion: API_VERSION,
  kind: KIND,
  featureGates: {},
  clientConnection: {
    kubeconfig: '',
    acceptContentTypes: '',
    contentType: 'application/vnd.kubernetes.protobuf',
    qps: 5,
    burst: 10,
  },
  logging: {},
  hostnameOverride: '',
  bindAddress: '0.0.0.0',
  healthzBindAddress: '',
  metricsBindAddress: '',
  bindAddressHardFail: false,
  enableProfiling: false,
  showHiddenMetricsForVersion: '',
  mode: '',
  iptables: {
    masqueradeBit: 14,
    masqueradeAll: false,
    localhostNodePorts: true,
    snatNodeInternalIP: false,
    ...PERIODS,
  },
  ipvs: {
    syncPeriod: '30s',
    minSyncPeriod: '0s',
    scheduler: '',
    excludeCIDRs: [] as string[],
    strictARP: false,
    tcpTimeout: '0s',
    tcpFinTimeout: '0s',
    udpTimeout: '0s',
  },
  nftables: { masqueradeBit: 14, masqueradeAll: false, ...PERIODS },
  winkernel: {
    networkName: '',
    sourceVip: '',
    enableDSR: false,
    rootHnsEndpointName: '',
    forwardHealthCheckVip: false,
  },
  detectLocalMode: '',
  detectLocal: { bridgeInterface: '', interfaceNamePrefix: '' },
  clusterCIDR: '',
  nodePortAddresses: [] as string[],
  oomScoreAdj: -999,
  conntrack: {
    maxPerCore: 32_768,
    min: 131_072,
    tcpEstablishedTimeout: '24h0m0s',
    tcpCloseWaitTimeout: '1h0m0s',
    tcpBeLiberal: false,
    udpTimeout: '0s',
    udpStreamTimeout: '0s',
  },
  configSyncPeriod: '15m0s',
  portRange: '',
  windowsRunAsService: false,
};

export type ProxyConfig = typeof DEFAULTS;

/** Where zero means the default: Go cannot tell it from nothing. */
const FILLED: ReadonlySet<string> = new Set([
  'bindAddress',
  'clientConnection.contentType',
  'clientConnection.qps',
  'clientConnection.burst',
  'configSyncPeriod',
  ...['iptables', 'nftables'].flatMap((mode) => [`${mode}.syncPeriod`, `${mode}.minSyncPeriod`]),
  'ipvs.syncPeriod',
]);

export interface LoadedConfig {
  readonly config: ProxyConfig;
  /** What was given and changes nothing, in words. */
  readonly notices: readonly string[];
}

/** Throws UserError. */
export function loadConfig(flags: Flags): LoadedConfig {
  const path = flags.text('config');
  const notices = flagsWithoutEffect(flags).map((name) => `--${name} has no effect here`);
  const config = path === '' ? fromFlags(flags) : readProxyConfig(readFile(path), notices);
  const override = flags.text('hostname-override').trim().toLowerCase();
  if (flags.isGiven('hostname-override') && override === '')
    throw new UserError('empty hostname-override is invalid');
  const named = override === '' ? config : { ...config, hostnameOverride: override };
  const problems = validateProxyConfig(named).map((problem) => problem.text());
  if (problems.length > 0)
    throw new UserError(problems.length === 1 ? problems.join() : `[${problems.join(', ')}]`);
  return { config: named, notices };
}

/** YAML or JSON. What is unknown goes to `notices`. Throws UserError. */
export function readProxyConfig(text: string, notices: string[]): ProxyConfig {
  let body: Json;
  try {
    body = fromYaml(text) ?? {};
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new UserError(`failed to decode: ${messageOf(error)}`);
  }
  if (!isJsonObject(body)) throw new UserError('failed to decode: the configuration is no object');
  const { apiVersion, kind } = body;
  if (apiVersion !== API_VERSION || kind !== KIND)
    throw new UserError(
      `failed to decode: no kind ${JSON.stringify(kind ?? '')} is registered for version ${JSON.stringify(apiVersion ?? '')}: it must be ${KIND} of ${API_VERSION}`,
    );
  return completed(merged(DEFAULTS, body, '', notices) as ProxyConfig);
}

/** `given` over `defaults`, each field of the kind that its default has. */
function merged(
  defaults: JsonObject,
  given: JsonObject,
  path: string,
  notices: string[],
): JsonObject {
  const result: JsonObject = { ...defaults };
  for (const [name, value] of Object.entries(given)) {
    const at = `${path}${name}`;
    const before = defaults[name];
    const isOpen = at === 'featureGates' || at.startsWith('logging');
    if (before === undefined && !isOpen) notices.push(`unknown field ${JSON.stringify(at)}`);
    else if (value === null || (FILLED.has(at) && isZero(value))) continue;
    else if (before === undefined) result[name] = value;
    else if (kindOf(value) !== kindOf(before))
      throw new UserError(
        `failed to decode: ${at}: must be of type ${kindOf(before)}, and is ${kindOf(value)}`,
      );
    else if (isJsonObject(value) && isJsonObject(before) && !isOpen)
      result[name] = merged(before, value, `${at}.`, notices);
    else result[name] = value;
  }
  return result;
}

function kindOf(value: Json | undefined): string {
  return Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value;
}

function isZero(value: Json): boolean {
  return value === '' || value === 0 || value === '0s' || value === '0';
}

/** Upstream's defaults but for `given`, of a proxy that has no file of it. */
export function configOf(given: Partial<ProxyConfig>): ProxyConfig {
  return completed({ ...DEFAULTS, ...given });
}

/** Addresses to serve on are those of the family of `bindAddress`, and get their ports. */
function completed(config: ProxyConfig): ProxyConfig {
  const isIpv6 = familyOf(config.bindAddress) === 'ip6';
  const [all, own] = isIpv6 ? ['[::]', '[::1]'] : ['0.0.0.0', '127.0.0.1'];
  return {
    ...config,
    healthzBindAddress: withPort(config.healthzBindAddress || all, HEALTHZ_PORT),
    metricsBindAddress: withPort(config.metricsBindAddress || own, METRICS_PORT),
  };
}

function withPort(address: string, port: string): string {
  if (familyOf(address) === 'ip6') return `[${address}]:${port}`;
  return /:\d+$/.test(address) ? address : `${address}:${port}`;
}

function fromFlags(flags: Flags): ProxyConfig {
  const { clientConnection, detectLocal, conntrack, nftables } = DEFAULTS;
  const config = completed({
    ...DEFAULTS,
    featureGates: Object.fromEntries(
      flags.list('feature-gates').map((gate) => {
        const [name = '', value] = gate.split('=');
        return [name, value === 'true'];
      }),
    ),
    clientConnection: { ...clientConnection, kubeconfig: flags.text('kubeconfig') },
    bindAddress: flags.text('bind-address'),
    bindAddressHardFail: flags.isOn('bind-address-hard-fail'),
    mode: flags.text('proxy-mode'),
    nftables: {
      ...nftables,
      masqueradeAll: flags.isOn('masquerade-all'),
      syncPeriod: flags.text('iptables-sync-period'),
      minSyncPeriod: flags.text('iptables-min-sync-period'),
    },
    detectLocalMode: flags.text('detect-local-mode'),
    detectLocal: {
      ...detectLocal,
      bridgeInterface: flags.text('pod-bridge-interface'),
      interfaceNamePrefix: flags.text('pod-interface-name-prefix'),
    },
    clusterCIDR: flags.text('cluster-cidr'),
    nodePortAddresses: flags.list('nodeport-addresses'),
    oomScoreAdj: flags.number('oom-score-adj'),
    conntrack: {
      ...conntrack,
      maxPerCore: flags.number('conntrack-max-per-core'),
      min: flags.number('conntrack-min'),
      tcpEstablishedTimeout: flags.text('conntrack-tcp-timeout-established'),
      tcpCloseWaitTimeout: flags.text('conntrack-tcp-timeout-close-wait'),
      tcpBeLiberal: flags.isOn('conntrack-tcp-be-liberal'),
      udpTimeout: flags.text('conntrack-udp-timeout'),
      udpStreamTimeout: flags.text('conntrack-udp-timeout-stream'),
    },
  });
  return {
    ...config,
    healthzBindAddress: served(flags, 'healthz', config.healthzBindAddress),
    metricsBindAddress: served(flags, 'metrics', config.metricsBindAddress),
  };
}

/** The deprecated flag of the port counts for an address without one, and 0 for nothing at all. */
function served(flags: Flags, what: 'healthz' | 'metrics', otherwise: string): string {
  const port = flags.text(`${what}-port`);
  if (port === '0') return '';
  return flags.isGiven(`${what}-bind-address`)
    ? flags.text(`${what}-bind-address`) && withPort(flags.text(`${what}-bind-address`), port)
    : otherwise;
}
