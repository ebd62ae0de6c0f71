/**
 * Discovery: what a machine finds out of a cluster before it trusts it.
 *
 * With a token: cluster-info is read from whoever answers; its signature shows that they know the
 * token; the pins show that its authority is the one that the user means; then it is read once more
 * from a server that this authority vouches for, and has to be the same.
 *
 * Source: upstream cmd/kubeadm/app/discovery/token/token.go, v1.36.
 */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import type { BootstrapToken } from '#api/core/bootstrap-token.ts';
import type { ConfigMap } from '#api/gen/core-v1.ts';
import type { Environment } from '#base/env.ts';
import { sleep, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Handler } from '#base/http/message.ts';
import { RestClient } from '#client/rest.ts';
import { BootstrapError } from './bootstrap-error.ts';
import {
  addressOf,
  CLUSTER_INFO,
  type ClusterAddress,
  signedKubeconfig,
  UnsignedError,
} from './cluster-info.ts';
import { checkKeyPins } from './key-pins.ts';

/** Upstream's. */
const TIMEOUT_MS = 5 * 60_000;
const RETRY_MS = 5_000;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Requests to an API server, as nobody. Without an authority whoever answers is believed. */
export type Dial = (
  endpoint: Endpoint,
  authority: string | undefined,
) => { readonly handler: Handler; close(): void };

export interface DiscoveryOptions {
  readonly environment: Environment;
  readonly dial: Dial;
  readonly endpoint: Endpoint;
  readonly token: BootstrapToken;
  /** `sha256:…` of the keys that the authority may have; undefined: any, which is not safe. */
  readonly pins: readonly string[] | undefined;
  /** How long to try, milliseconds; 5 minutes unless given. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Told why it has to be tried again. */
  readonly onRetry?: (reason: string) => void;
}

/** Where the cluster is, verified. Rejects with BootstrapError. */
export async function discover(options: DiscoveryOptions): Promise<ClusterAddress> {
  const { endpoint, token, pins } = options;
  const found = await readSigned(options, endpoint, undefined);
  const address = addressOf(found);
  if (pins === undefined) return address;
  checkKeyPins(address.authority, pins);
  const again = await readSigned(options, endpoint, address.authority);
  if (again !== found)
    throw new BootstrapError(
      `${endpoint.host}:${endpoint.port} says something else of the cluster over a verified connection, with token id ${JSON.stringify(token.id)}`,
    );
  return address;
}

/** The kubeconfig of cluster-info, whose signature is that of the token. */
async function readSigned(
  options: DiscoveryOptions,
  endpoint: Endpoint,
  authority: string | undefined,
): Promise<string> {
  const { environment, token, timeoutMs = TIMEOUT_MS, onRetry } = options;
  const limit = timeoutSignal(environment, timeoutMs, options.signal);
  const road = options.dial(endpoint, authority);
  const client = new RestClient({
    handler: road.handler,
    environment,
    userAgent: 'cox-join',
    signal: limit.signal,
  });
  const { name, namespace } = CLUSTER_INFO;
  let last = 'no answer';
  try {
    while (!limit.signal.aborted) {
      try {
        const info: ConfigMap = await client.get(CONFIG_MAP, name, namespace);
        return signedKubeconfig(info, token);
      } catch (error) {
        // A cluster that is just coming up signs a little later, as does one with a new token.
        if (error instanceof BootstrapError && !(error instanceof UnsignedError)) throw error;
        if (limit.signal.aborted) break;
        last = messageOf(error);
        onRetry?.(last);
      }
      await sleep(environment, RETRY_MS, limit.signal);
    }
  } finally {
    limit.release();
    road.close();
  }
  throw new BootstrapError(
    `no cluster could be found at ${endpoint.host}:${endpoint.port} within ${timeoutMs / 1000} s: ${last}`,
  );
}
