/**
 * What the control-plane process does beside its three parts, done from outside where these run as
 * pods: the cluster's own objects, and the role of the first node.
 *
 * When the pods begin anew with other certificates, it goes on with these, and the objects say so.
 */
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { RestClient } from '#client/rest.ts';
import type { HttpClient } from '#edge/http-client.ts';
import type { ClusterConfig } from '../cluster-config.ts';
import type { DataDirectory } from '../data-directory.ts';
import { dnsImage, publishClusterObjects } from '../cluster-objects.ts';
import { keepNodeRole } from '../node-role.ts';
import { type KeyPair, KUBELET_CLIENT } from '../pki.ts';
import { becomesReady } from '../readiness.ts';

/** An API server that has just come may go again. */
const RETRY_MS = 500;
/** Then it is asked all the same, so that the log says what is wrong. */
const READY_MS = 60_000;

export interface DutyPki {
  readonly authority: Pick<KeyPair, 'certificate'>;
  readonly admin: KeyPair;
}

export interface DutiesOptions {
  readonly environment: Environment;
  /** To the API server, as the administrator of `pki`, and of each that follows it. */
  readonly client: Pick<HttpClient, 'handler' | 'setTls'>;
  readonly config: ClusterConfig;
  readonly pki: DutyPki;
  readonly data: Pick<DataDirectory, 'pki'>;
  readonly signal: AbortSignal;
}

/** Nothing is to be done where the control plane is a process. */
export class Duties {
  readonly #options: DutiesOptions;
  readonly #client: RestClient;
  #pki: DutyPki;
  #hasBegun = false;
  #publishing: Promise<void> | undefined;

  constructor(options: DutiesOptions) {
    const { environment, client, pki, signal } = options;
    this.#options = options;
    this.#pki = pki;
    const { handler } = client;
    this.#client = new RestClient({ handler, environment, userAgent: 'cox', signal });
  }

  /** Resolves when the objects are there, or at the signal; the role is kept until the signal. */
  async begin(): Promise<void> {
    const { environment, config, signal } = this.#options;
    if (config.selfHosted !== true) return;
    this.#hasBegun = true;
    keepNodeRole({ client: this.#client, environment, nodeName: config.nodeName, signal });
    await this.#publish();
  }

  /** The pods may have begun anew, with these. */
  takeOver(pki: DutyPki): void {
    const { authority, admin } = pki;
    const before = this.#pki;
    if (
      authority.certificate === before.authority.certificate &&
      admin.certificate === before.admin.certificate
    )
      return;
    this.#pki = pki;
    const tls = { ca: authority.certificate, cert: admin.certificate, key: admin.key };
    this.#options.client.setTls(tls, { breaksOff: true });
    if (this.#hasBegun) void this.#publish();
  }

  /** Never rejects. What is published already goes on, until it is of the newest. */
  #publish(): Promise<void> {
    this.#publishing ??= this.#publishNewest().finally(() => {
      this.#publishing = undefined;
    });
    return this.#publishing;
  }

  async #publishNewest(): Promise<void> {
    const { environment, client, signal } = this.#options;
    while (!signal.aborted) {
      const pki = this.#pki;
      try {
        await becomesReady({ handler: client.handler, environment, waitMs: READY_MS, signal });
        await this.#publishOnce(pki);
        if (pki === this.#pki) return;
      } catch (error) {
        if (signal.aborted) return;
        environment.log.warn('cannot publish the objects of the cluster', {
          error: messageOf(error),
        });
        await sleep(environment, RETRY_MS, signal);
      }
    }
  }

  #publishOnce({ authority }: DutyPki): Promise<void> {
    const { config, data } = this.#options;
    return publishClusterObjects({
      client: this.#client,
      dnsAddress: config.dnsAddress,
      kubeletClientName: KUBELET_CLIENT,
      ...dnsImage(config),
      join: { config, authority: authority.certificate, certificatesDirectory: data.pki },
    });
  }
}
