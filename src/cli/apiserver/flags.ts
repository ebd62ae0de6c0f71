/**
 * The flags of `cox apiserver`: upstream's names and defaults, for what there is here. A value of a
 * flag that we do not have is refused too.
 */
import {
  bool,
  count,
  duration,
  type Flags as AnyFlags,
  fraction,
  list,
  type Program,
  text,
} from '../flags.ts';
import { AUDIT_FLAGS } from './audit-flags.ts';
import { AUTHENTICATION_FLAGS } from './authentication-flags.ts';
import { AUTHORIZATION_FLAGS } from './authorization-flags.ts';
import { MISSING_FLAGS } from './upstream-flags.ts';

const FLAGS = {
  'data-dir': text('', 'where the store lies; a flag of ours, in place of the etcd flags'),
  'history-retention': text('', 'as that of cox up; a flag of ours, as are the next two'),
  'history-max-size': text('', 'as that of cox up'),
  'history-secrets': bool('false', 'keep the history of Secrets too'),
  'bind-address': text('0.0.0.0', 'the address to listen on'),
  'secure-port': count('6443', 'the port to listen on'),
  'advertise-address': text(
    '',
    'where the cluster reaches this server; --bind-address unless given',
  ),
  'tls-cert-file': text('', 'the certificate of this server, with its chain'),
  'tls-private-key-file': text('', 'its key'),
  'client-ca-file': text('', 'the authority of client certificates'),
  'requestheader-client-ca-file': text('', 'the authority of front proxies'),
  'requestheader-allowed-names': list('', 'common names of front proxies; any when empty'),
  'requestheader-username-headers': list('', 'headers that name the user'),
  'requestheader-uid-headers': list('', 'headers that hold the uid of the user'),
  'requestheader-group-headers': list('', 'headers that name groups'),
  'requestheader-extra-headers-prefix': list('', 'prefixes of headers with more about the user'),
  'proxy-client-cert-file': text('', 'the certificate shown to extension API servers'),
  'proxy-client-key-file': text('', 'its key'),
  'service-account-signing-key-file': text('', 'the key that signs them'),
  'service-account-key-file': list('', 'keys whose tokens are believed'),
  'service-cluster-ip-range': text('10.0.0.0/24', 'addresses of Services'),
  'service-node-port-range': text('30000-32767', 'ports of Services on nodes'),
  'kubelet-client-certificate': text('', 'the certificate shown to kubelets'),
  'kubelet-client-key': text('', 'its key'),
  'kubelet-certificate-authority': text('', 'the authority of kubelets'),
  'enable-bootstrap-token-auth': bool('false', 'take the tokens that machines join with'),
  ...AUTHENTICATION_FLAGS,
  ...AUTHORIZATION_FLAGS,
  'enable-admission-plugins': list('', 'plug-ins to switch on beside those that are'),
  'disable-admission-plugins': list('', 'plug-ins to switch off'),
  'admission-webhook-budget': duration(
    '30s',
    'what all admission webhooks of one request may take together; a flag of ours',
  ),
  'admission-control-config-file': text('', 'what admission plug-ins are configured with'),
  'allow-privileged': bool('true', 'only true'),
  profiling: bool('false', 'no effect: there is no such page'),
  'feature-gates': text('', 'A=true,B=false'),
  'runtime-config': text('', 'group/version=true,api/beta=false'),
  'max-requests-inflight': count('400', 'reads at a time'),
  'max-mutating-requests-inflight': count('200', 'writes at a time'),
  'enable-priority-and-fairness': bool('true', 'priority levels in place of the two limits'),
  'request-timeout': duration('1m0s', 'how long a request may take'),
  'encryption-provider-config': text('', 'how resources are encrypted in the store'),
  'encryption-provider-config-automatic-reload': bool('false', 'take over what changes in it'),
  'event-ttl': duration('1h0m0s', 'how long Events are kept'),
  'goaway-chance': fraction('0', 'from 0 to 0.02'),
  'shutdown-delay-duration': duration('0s', 'how long to go on when asked to end'),
  ...AUDIT_FLAGS,
  v: count('0', 'how much is logged: 4 and more logs everything'),
  'endpoint-reconciler-type': text('lease', 'lease or none'),
};

export type FlagName = keyof typeof FLAGS;
export type Flags = AnyFlags<FlagName>;

export const API_SERVER: Program<FlagName> = {
  command: 'cox apiserver',
  upstream: 'kube-apiserver',
  about: 'Run the API server alone.',
  flags: FLAGS,
  missing: MISSING_FLAGS,
  whyMissing: (name) =>
    name.startsWith('etcd-')
      ? 'etcd as a store is not there yet. This API server keeps its objects in --data-dir.'
      : undefined,
};
