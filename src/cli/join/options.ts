/** The flags of `cox join`, whose names are kubeadm's, and what they mean together. Pure. */
import { type BootstrapToken, parseBootstrapToken } from '#api/core/bootstrap-token.ts';
import { parseKeyPin } from '#kubelet/bootstrap/key-pins.ts';
import { messageOf, UserError } from '../user-error.ts';

export interface JoinFlags {
  readonly token?: string;
  readonly discoveryToken?: string;
  readonly tlsBootstrapToken?: string;
  readonly discoveryTokenCaCertHash?: readonly string[];
  readonly discoveryTokenUnsafeSkipCaVerification?: boolean;
  readonly discoveryFile?: string;
  readonly nodeName?: string;
  readonly nodeIp?: string;
  readonly configDir?: string;
  readonly dataDir: string;
}

/** How the cluster is found, and the token by which the certificate is asked for. */
export type JoinPlan =
  | {
      readonly kind: 'token';
      readonly host: string;
      readonly port: number;
      readonly token: BootstrapToken;
      /** Undefined: whoever knows the token is believed. */
      readonly pins: readonly string[] | undefined;
      readonly bootstrapToken: BootstrapToken;
    }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** Undefined: that of the file. */
      readonly bootstrapToken: BootstrapToken | undefined;
    };

/** kubeadm's. */
const DEFAULT_PORT = 6443;

/**
 * `endpoint`: `HOST:PORT`. Undefined where nothing was said of a cluster: this machine has joined
 * before. Throws UserError.
 */
export function joinPlan(endpoint: string | undefined, flags: JoinFlags): JoinPlan | undefined {
  const discovery = tokenOf('discovery-token', flags.discoveryToken ?? flags.token);
  const bootstrap = tokenOf('tls-bootstrap-token', flags.tlsBootstrapToken ?? flags.token);
  if (flags.discoveryFile !== undefined) {
    if (endpoint !== undefined || flags.discoveryToken !== undefined)
      throw new UserError(
        'Cannot use --discovery-file with HOST:PORT or --discovery-token: the file names the cluster.',
      );
    return { kind: 'file', path: flags.discoveryFile, bootstrapToken: bootstrap };
  }
  if (endpoint === undefined) {
    if (discovery === undefined) return undefined;
    throw new UserError('Cannot join: give HOST:PORT of the API server, or --discovery-file.');
  }
  if (discovery === undefined || bootstrap === undefined)
    throw new UserError(
      'Cannot join: give --token. "cox token create --print-join-command" prints the whole command.',
    );
  return {
    kind: 'token',
    ...endpointOf(endpoint),
    token: discovery,
    pins: pinsOf(flags),
    bootstrapToken: bootstrap,
  };
}

function tokenOf(flag: string, text: string | undefined): BootstrapToken | undefined {
  if (text === undefined) return undefined;
  const token = parseBootstrapToken(text);
  if (token !== undefined) return token;
  throw new UserError(
    `Cannot use the token of --${flag} (or --token): a token is six and sixteen of a-z and 0-9, with a dot between. "cox token list" shows them.`,
  );
}

function pinsOf(flags: JoinFlags): string[] | undefined {
  const pins = flags.discoveryTokenCaCertHash ?? [];
  const isUnsafe = flags.discoveryTokenUnsafeSkipCaVerification === true;
  if (pins.length === 0 && !isUnsafe)
    throw new UserError(
      'Cannot join: give --discovery-token-ca-cert-hash, so that nobody else can pass for the cluster, or --discovery-token-unsafe-skip-ca-verification.',
    );
  if (pins.length === 0) return undefined;
  try {
    return pins.map(parseKeyPin);
  } catch (error) {
    throw new UserError(`Cannot use --discovery-token-ca-cert-hash: ${messageOf(error)}.`);
  }
}

/** `HOST`, `HOST:PORT` or `[IPV6]:PORT`. Throws UserError. */
function endpointOf(text: string): { readonly host: string; readonly port: number } {
  const url = /[/@?#\s]/.test(text) ? null : URL.parse(`https://${text}`);
  if (url === null || url.hostname === '')
    throw new UserError(
      `Cannot join ${JSON.stringify(text)}: give HOST:PORT of the API server, for example 192.0.2.1:${DEFAULT_PORT}.`,
    );
  const port = /:(\d+)$/.exec(text.replace(/^\[.*\]/, ''))?.[1];
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? DEFAULT_PORT : Number(port),
  };
}
