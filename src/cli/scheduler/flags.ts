/** The flags of `cox scheduler`: upstream's names and defaults, for what there is here. */
import { leaderFlags } from '../component/leader.ts';
import { servingFlags } from '../component/serving.ts';
import { bool, count, type Flags as AnyFlags, type Program, text } from '../flags.ts';

const FLAGS = {
  config: text('', 'the file of the configuration (KubeSchedulerConfiguration)'),
  'write-config-to': text('', 'write the configuration to this file, and end'),
  kubeconfig: text('', 'the kubeconfig of the cluster; with --config that of the file counts'),
  ...leaderFlags('kube-scheduler'),
  ...servingFlags('10259'),
  profiling: bool('false', 'no effect: there is no such page'),
  'feature-gates': text('', 'A=true,B=false'),
  v: count('0', 'how much is logged: 4 and more logs everything'),
};

type FlagName = keyof typeof FLAGS;
export type Flags = AnyFlags<FlagName>;

/** Source: the kube-scheduler reference for v1.36. */
const MISSING_FLAGS: ReadonlySet<string> = new Set(
  `
allow-metric-labels allow-metric-labels-manifest authentication-token-webhook-cache-ttl
authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl cert-dir
contention-profiling disable-http2-serving disabled-metrics emulated-version
http2-max-streams-per-connection kube-api-burst kube-api-content-type kube-api-qps
log-flush-frequency log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size
log-text-split-stream logging-format master min-compatibility-version permit-address-sharing
permit-port-sharing pod-max-in-unschedulable-pods-duration
show-hidden-metrics-for-version tls-cipher-suites tls-curve-preferences tls-min-version
tls-sni-cert-key unsupported-kube-api-over-localhost version vmodule
`
    .trim()
    .split(/\s+/),
);

export const SCHEDULER: Program<FlagName> = {
  command: 'cox scheduler',
  upstream: 'kube-scheduler',
  about: 'Run the scheduler alone, against the API server of a kubeconfig.',
  flags: FLAGS,
  missing: MISSING_FLAGS,
};
