/**
 * What the control-plane process does beside its three parts, done from outside where these run as
 * pods: the cluster's own objects, and the role of the first node.
 */
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Handler } from '#base/http/message.ts';
import { RestClient } from '#client/rest.ts';
import type { ClusterConfig } from '../cluster-config.ts';
import type { DataDirectory } from '../data-directory.ts';
import { dnsImage, publishClusterObjects } from '../cluster-objects.ts';
import { keepNodeRole } from '../node-role.ts';
import { type ClusterPki, KUBELET_CLIENT } from '../pki.ts';

/** An API server that has just come may go again. */
const RETRY_MS = 500;

export interface Duties {
  readonly environment: Environment;
  /** To the API server, as somebody who may do everything. */
  readonly client: { readonly handler: Handler };
  readonly config: ClusterConfig;
  readonly pki: ClusterPki;
  readonly data: DataDirectory;
  readonly signal: AbortSignal;
}

/**
 * Resolves when the objects are there, or at the signal; the role is kept until the signal. Nothing is
 * to be done where the control plane is a process.
 */
export async function doDuties(duties: Duties): Promise<void> {
  const { environment, config, pki, data, signal } = duties;
  if (config.selfHosted !== true) return;
  const { handler } = duties.client;
  const client = new RestClient({ handler, environment, userAgent: 'cox', signal });
  keepNodeRole({ client, environment, nodeName: config.nodeName, signal });
  while (!signal.aborted) {
    try {
      return await publishClusterObjects({
        client,
        dnsAddress: config.dnsAddress,
        kubeletClientName: KUBELET_CLIENT,
        ...dnsImage(config),
        join: { config, authority: pki.authority.certificate, certificatesDirectory: data.pki },
      });
    } catch (error) {
      environment.log.warn('cannot publish the objects of the cluster', {
        error: messageOf(error),
      });
    }
    await sleep(environment, RETRY_MS, signal);
  }
}
