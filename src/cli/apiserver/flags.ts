/**
 * The flags of `cox apiserver`: upstream's names and defaults, for what there is here.
 *
 * A flag that upstream has and we have not is refused by name, never ignored; so is a value of a
 * flag that we do not have.
 */
import { UserError } from '../user-error.ts';
import { MISSING_FLAGS } from './upstream-flags.ts';

type FlagKind = 'text' | 'list' | 'bool' | 'count' | 'duration' | 'fraction';

interface FlagSpec {
  readonly kind: FlagKind;
  readonly fallback: string;
  readonly help: string;
}

const text = (fallback: string, help: string): FlagSpec => ({ kind: 'text', fallback, help });
const list = (fallback: string, help: string): FlagSpec => ({ kind: 'list', fallback, help });
const count = (fallback: string, help: string): FlagSpec => ({ kind: 'count', fallback, help });
const duration = (fallback: string, help: string): FlagSpec => ({
  kind: 'duration',
  fallback,
  help,
});

export const FLAGS = {
  'data-dir': text('', 'where the store lies; a flag of ours, in place of the etcd flags'),
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
  'service-account-issuer': list('', 'the issuer of service-account tokens'),
  'service-account-signing-key-file': text('', 'the key that signs them'),
  'service-account-key-file': list('', 'keys whose tokens are believed'),
  'service-cluster-ip-range': text('10.0.0.0/24', 'addresses of Services'),
  'service-node-port-range': text('30000-32767', 'ports of Services on nodes'),
  'kubelet-client-certificate': text('', 'the certificate shown to kubelets'),
  'kubelet-client-key': text('', 'its key'),
  'kubelet-certificate-authority': text('', 'the authority of kubelets'),
  'authorization-mode': list('Node,RBAC', 'Node,RBAC is what there is'),
  'enable-admission-plugins': list('', 'plug-ins to switch on beside those that are'),
  'disable-admission-plugins': list('', 'plug-ins to switch off'),
  'allow-privileged': { kind: 'bool', fallback: 'true', help: 'only true' },
  'feature-gates': text('', 'A=true,B=false'),
  'runtime-config': text('', 'group/version=true,api/beta=false'),
  'max-requests-inflight': count('400', 'reads at a time'),
  'max-mutating-requests-inflight': count('200', 'writes at a time'),
  'request-timeout': duration('1m0s', 'how long a request may take'),
  'event-ttl': duration('1h0m0s', 'how long Events are kept'),
  'goaway-chance': { kind: 'fraction', fallback: '0', help: 'from 0 to 0.02' },
  'shutdown-delay-duration': duration('0s', 'how long to go on when asked to end'),
  v: count('0', 'how much is logged: 4 and more logs everything'),
  'endpoint-reconciler-type': text('lease', 'lease or none'),
} as const satisfies Readonly<Record<string, FlagSpec>>;

export type FlagName = keyof typeof FLAGS;

/** What was given and what was not, each as text. */
export class Flags {
  readonly #values: ReadonlyMap<FlagName, string>;

  constructor(values: ReadonlyMap<FlagName, string>) {
    this.#values = values;
  }

  text(name: FlagName): string {
    return this.#values.get(name) ?? FLAGS[name].fallback;
  }

  list(name: FlagName): string[] {
    return this.text(name)
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  }

  number(name: FlagName): number {
    return Number(this.text(name));
  }

  isGiven(name: FlagName): boolean {
    return this.#values.has(name);
  }

  /** Every flag and its value, for /flagz. */
  all(): ReadonlyMap<string, string> {
    return new Map(Object.keys(FLAGS).map((name) => [name, this.text(name as FlagName)]));
  }
}

/** Reads `--a=b`, `--a b` and `--a` for booleans. Lists that come twice are joined. Throws UserError. */
export function parseFlags(args: readonly string[]): Flags {
  const values = new Map<FlagName, string>();
  for (let i = 0; i < args.length; i++) {
    const { name, value } = split(args[i] ?? '');
    const spec: FlagSpec = FLAGS[name];
    const given = value ?? (spec.kind === 'bool' ? 'true' : args[++i]);
    if (given === undefined) throw new UserError(`flag needs an argument: --${name}`);
    check(name, spec, given);
    const before = spec.kind === 'list' ? values.get(name) : undefined;
    values.set(name, before === undefined ? given : `${before},${given}`);
  }
  return new Flags(values);
}

function split(arg: string): { name: FlagName; value: string | undefined } {
  const match = /^--?([a-z][a-z0-9-]*)(?:=([\s\S]*))?$/.exec(arg);
  if (match === null) throw new UserError(`unknown command or argument ${JSON.stringify(arg)}`);
  const [, name = '', value] = match;
  if (name in FLAGS) return { name: name as FlagName, value };
  if (name.startsWith('etcd-'))
    throw new UserError(
      `Cannot use --${name}: etcd as a store is not there yet. This API server keeps its objects in --data-dir.`,
    );
  if (MISSING_FLAGS.has(name))
    throw new UserError(
      `Cannot use --${name}: kube-apiserver has this flag, cox apiserver does not have it yet.`,
    );
  throw new UserError(`unknown flag: --${name}`);
}

const VALID: Readonly<Record<FlagKind, RegExp>> = {
  text: /^/,
  list: /^/,
  bool: /^(?:true|false)$/,
  count: /^\d+$/,
  duration: /^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$|^0$/,
  fraction: /^(?:0|0?\.\d+)$/,
};

function check(name: string, { kind }: FlagSpec, value: string): void {
  if (VALID[kind].test(value)) return;
  throw new UserError(`invalid argument ${JSON.stringify(value)} for "--${name}" flag`);
}
