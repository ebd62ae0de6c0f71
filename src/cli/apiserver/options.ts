/** What the flags of `cox apiserver` mean for an API server: files read, values checked. */
import { hostname } from 'node:os';
import type { RequestHeaderOptions } from '#apiserver/aggregator/identity.ts';
import type { HistoryPolicy } from '#apiserver/history/policy.ts';
import type { ApiServerOptions } from '#apiserver/server-options.ts';
import { pemBlocks } from '#base/pem.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import { featureGatesOf } from '../feature-gates.ts';
import { readFile } from '../flags.ts';
import { durationOf, historyPolicyOf, sizeOf } from '../history-flags.ts';
import { messageOf, UserError } from '../user-error.ts';
import { admissionOptions } from './admission-options.ts';
import { authenticationOptions } from './authentication-options.ts';
import { authorizationOptions } from './authorization-options.ts';
import { ConfigFiles } from './config-files.ts';
import { encryptionOptions } from './encryption-options.ts';
import type { FlagName, Flags } from './flags.ts';

/** All but the store, the environment and the roads to others. */
export type FlagOptions = Omit<ApiServerOptions, 'environment' | 'store' | 'kubelets'>;

const GOAWAY_CHANCE_MAX = 0.02;

/** Each PEM block; a text without any is left to who reads keys, and says what is wrong with it. */
function keysIn(text: string): string[] {
  const keys = pemBlocks(text).filter(({ label }) => label.endsWith('KEY'));
  return keys.length === 0 ? [text] : keys.map((block) => block.text);
}

/** Throws UserError that names the flag. `files`: gets those that are to be followed. */
export function apiServerOptions(flags: Flags, files = new ConfigFiles()): FlagOptions {
  checkFixed(flags);
  return {
    ...chosenOptions(flags, files),
    serviceAccountKey: flags.requiredFile('service-account-signing-key-file'),
    trustedServiceAccountKeys: flags
      .list('service-account-key-file')
      .flatMap((path) => keysIn(readFile(path))),
    bootstrapTokens: flags.isOn('enable-bootstrap-token-auth'),
    serviceClusterIpRange: flags.text('service-cluster-ip-range'),
    serviceNodePortRange: portRange(flags.text('service-node-port-range')),
    advertise: {
      address: flags.text('advertise-address') || flags.text('bind-address'),
      port: flags.number('secure-port'),
    },
    hostname: hostname(),
    clientCa: flags.file('client-ca-file') ?? '',
    ...frontProxy(flags),
    history: historyOf(flags),
    featureGates: featureGatesOf(flags.text('feature-gates')),
    runtimeConfig: parseRuntimeConfig(flags.text('runtime-config')),
    publishesAddress: flags.text('endpoint-reconciler-type') === 'lease',
    flags: flags.all(),
  };
}

/**
 * What does not depend on where the server lies: who is believed, who may do what, what is let in,
 * encrypted and limited. Throws UserError that names the flag.
 */
export function chosenOptions(
  flags: Flags,
  files: ConfigFiles,
): Pick<
  ApiServerOptions,
  | 'serviceAccountIssuer'
  | 'authentication'
  | 'authorization'
  | 'admission'
  | 'encryption'
  | 'priorityAndFairness'
  | 'limits'
> {
  const authorization = authorizationOptions(flags, files);
  return {
    ...authenticationOptions(flags, { files, authorization }),
    authorization,
    admission: admissionOptions(flags),
    ...encryptionOptions(flags, files),
    priorityAndFairness: flags.isOn('enable-priority-and-fairness'),
    limits: {
      readsInFlight: flags.number('max-requests-inflight'),
      writesInFlight: flags.number('max-mutating-requests-inflight'),
      requestTimeoutMs: flags.milliseconds('request-timeout'),
      eventTtlSeconds: Math.floor(flags.milliseconds('event-ttl') / 1000),
      webhookBudgetMs: webhookBudget(flags),
      shutdownDelayMs: flags.milliseconds('shutdown-delay-duration'),
    },
  };
}

/** Flags that take one value here. */
function checkFixed(flags: Flags): void {
  if (flags.text('allow-privileged') !== 'true')
    throw new UserError('Cannot use --allow-privileged=false: privileged pods are always allowed.');
  if (!['lease', 'none'].includes(flags.text('endpoint-reconciler-type')))
    throw new UserError(
      `Cannot use --endpoint-reconciler-type=${flags.text('endpoint-reconciler-type')}: lease and none are what there is.`,
    );
  const chance = flags.number('goaway-chance');
  if (chance > GOAWAY_CHANCE_MAX)
    throw new UserError(
      `--goaway-chance can not be less than 0 or greater than ${GOAWAY_CHANCE_MAX}`,
    );
  if (flags.text('data-dir') === '') throw new UserError('--data-dir is a required flag');
}

/** In milliseconds. Without time no webhook could be asked at all. */
function webhookBudget(flags: Flags): number {
  const ms = flags.milliseconds('admission-webhook-budget');
  if (ms > 0) return ms;
  throw new UserError('--admission-webhook-budget must be more than 0s');
}

function frontProxy(flags: Flags): Pick<ApiServerOptions, 'frontProxy'> {
  const certificate = flags.file('proxy-client-cert-file');
  const key = flags.file('proxy-client-key-file');
  const authority = flags.file('requestheader-client-ca-file');
  if (certificate === undefined || key === undefined || authority === undefined) return {};
  const lists = {
    allowedNames: 'requestheader-allowed-names',
    usernameHeaders: 'requestheader-username-headers',
    uidHeaders: 'requestheader-uid-headers',
    groupHeaders: 'requestheader-group-headers',
    extraHeaderPrefixes: 'requestheader-extra-headers-prefix',
  } as const satisfies Record<keyof RequestHeaderOptions, FlagName>;
  const requestHeaders = Object.fromEntries(
    Object.entries(lists)
      .filter(([, name]) => flags.isGiven(name))
      .map(([field, name]) => [field, flags.list(name)]),
  ) as Partial<RequestHeaderOptions>;
  return { frontProxy: { certificate, key, authority, requestHeaders } };
}

/** What was said; the rest is the API server's default. */
function historyOf(flags: Flags): Partial<HistoryPolicy> {
  const value = <T>(name: FlagName, parse: (text: string) => T): T | undefined => {
    if (!flags.isGiven(name)) return undefined;
    try {
      return parse(flags.text(name));
    } catch (error) {
      throw new UserError(`Cannot use --${name}=${flags.text(name)}: ${messageOf(error)}`);
    }
  };
  const historyRetention = value('history-retention', durationOf);
  const historyMaxSize = value('history-max-size', sizeOf);
  const historySecrets = value('history-secrets', (text) => text === 'true');
  return historyPolicyOf({
    ...(historyRetention === undefined ? {} : { historyRetention }),
    ...(historyMaxSize === undefined ? {} : { historyMaxSize }),
    ...(historySecrets === undefined ? {} : { historySecrets }),
  });
}

function portRange(text: string): { from: number; to: number } {
  const [from = Number.NaN, to = from] = text.split('-').map(Number);
  if (!(from > 0 && to >= from && to < 65_536))
    throw new UserError(
      `invalid argument ${JSON.stringify(text)} for "--service-node-port-range" flag`,
    );
  return { from, to };
}
