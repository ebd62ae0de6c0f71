/**
 * `cox up --apiserver-arg NAME=VALUE`: flags of `cox apiserver` for the API server of a cluster that
 * `cox up` makes. Checked here, kept in the cluster's choices.
 */
import { resolve } from 'node:path';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import type { Environment } from '#base/env.ts';
import { auditOptions } from './apiserver/audit-options.ts';
import { ConfigFiles } from './apiserver/config-files.ts';
import { API_SERVER, type FlagName } from './apiserver/flags.ts';
import { chosenOptions } from './apiserver/options.ts';
import { parseFlags } from './flags.ts';
import { isPath, nameAndValue } from './server-argument.ts';
import { UserError } from './user-error.ts';

/** What takes away all that was chosen before. */
const NONE = 'none';

/** `cox up` decides these, or has flags of its own for them. */
const DECIDED: ReadonlySet<string> = new Set<FlagName>([
  'advertise-address',
  'allow-privileged',
  'bind-address',
  'client-ca-file',
  'data-dir',
  'enable-bootstrap-token-auth',
  'endpoint-reconciler-type',
  'feature-gates',
  'goaway-chance',
  'history-max-size',
  'history-retention',
  'history-secrets',
  'kubelet-certificate-authority',
  'kubelet-client-certificate',
  'kubelet-client-key',
  'proxy-client-cert-file',
  'proxy-client-key-file',
  'requestheader-allowed-names',
  'requestheader-client-ca-file',
  'requestheader-extra-headers-prefix',
  'requestheader-group-headers',
  'requestheader-uid-headers',
  'requestheader-username-headers',
  'runtime-config',
  'secure-port',
  'service-account-issuer',
  'service-account-key-file',
  'service-account-signing-key-file',
  'service-cluster-ip-range',
  'service-node-port-range',
  'tls-cert-file',
  'tls-private-key-file',
  'v',
]);

/** What pods are given ends within the hour, unless somebody wants it otherwise. */
const FIRST = ['--service-account-extend-token-expiration=false'];

export interface ServerArguments {
  readonly options: Partial<ApiServerOptions>;
  /** Followed from `start` on. */
  readonly files: ConfigFiles;
}

/** As they are kept, with whole paths. Throws UserError. */
export function argumentsGiven(texts: readonly string[], environment: Environment): string[] {
  if (texts.length === 1 && texts[0] === NONE) return [];
  const kept = texts.map((text) => {
    const { name, value } = nameAndValue(text);
    if (DECIDED.has(name))
      throw new UserError(`Cannot use --apiserver-arg ${name}: cox up decides this itself.`);
    return `${name}=${isPath(name, value) ? resolve(value) : value}`;
  });
  const once = [...joined(kept)].map(([name, value]) => `${name}=${value}`);
  serverArguments(once, { issuer: 'https://kubernetes.default.svc', environment });
  return once;
}

/** Each name once, whoever reads them: lists are joined, of other flags the last counts. */
function joined(texts: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const { name, value } of texts.map(nameAndValue)) {
    const before = values.get(name);
    const isList = Object.entries(API_SERVER.flags).some(
      ([known, { kind }]) => known === name && kind === 'list',
    );
    values.set(name, isList && before !== undefined ? `${before},${value}` : value);
  }
  return values;
}

/** What they mean. `issuer`: of service-account tokens. Throws UserError that names the flag. */
export function serverArguments(
  texts: readonly string[],
  { issuer, environment }: { readonly issuer: string; readonly environment: Environment },
): ServerArguments {
  const files = new ConfigFiles();
  const args = texts.map((text) => `--${text}`);
  const flags = parseFlags(API_SERVER, [`--service-account-issuer=${issuer}`, ...FIRST, ...args]);
  const audit = auditOptions(flags, environment);
  const options = chosenOptions(flags, files);
  return { options: { ...options, ...(audit === undefined ? {} : { audit }) }, files };
}
