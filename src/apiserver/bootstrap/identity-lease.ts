/**
 * The Lease that says that this API server lives, and the end of those of servers that are gone.
 *
 * Source: KEP-1965; upstream pkg/controlplane/apiserver/server.go,
 * staging/src/k8s.io/component-helpers/apimachinery/lease, pkg/controlplane/controller/apiserverleasegc.
 */
import { createHash } from 'node:crypto';
import type { Environment, Timer } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { Lease } from '#api/gen/coordination-v1.ts';
import { microTimeText } from '#api/meta/time.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { LEASES } from '../admission/targets.ts';
import type { LocalClient, VersionedTarget } from './local-client.ts';

const NAMESPACE = 'kube-system';
const COMPONENT = 'kube-apiserver';
const COMPONENT_LABEL = 'apiserver.kubernetes.io/identity';
const HOSTNAME_LABEL = 'kubernetes.io/hostname';
const PEER_ANNOTATION = 'kubernetes.io/peer-advertise-address';
const DURATION_SECONDS = 3_600;
const RENEW_MS = 10_000;
const RENEW_JITTER = 0.04;
const COLLECT_MS = 3_600_000;
const TARGET: VersionedTarget = { ...LEASES, version: 'v1' };

export interface IdentityLeaseOptions {
  readonly environment: Environment;
  readonly client: LocalClient;
  readonly reader: ObjectReader;
  /** Of the machine: one server on each is told from the others by it. */
  readonly hostname: string;
  /** Where other servers reach this one: `10.0.0.1:6443`. */
  readonly peerAddress: string;
}

/** The name of the Lease of the server on `hostname`. */
export function serverIdentity(hostname: string): string {
  const hash = createHash('sha256');
  for (const part of [hostname, COMPONENT]) {
    const bytes = Buffer.from(part);
    hash.update(Uint8Array.of(bytes.length >> 8, bytes.length & 0xff)).update(bytes);
  }
  return `apiserver-${base32(hash.digest().subarray(0, 16))}`;
}

export class IdentityLease {
  readonly #options: IdentityLeaseOptions;
  readonly #name: string;
  readonly #holder: string;
  #renewal: Timer | undefined;
  #collection: Timer | undefined;
  #isStopped = false;
  /** A renewal that is under way. */
  #running: Promise<void> = Promise.resolve();

  constructor(options: IdentityLeaseOptions) {
    this.#options = options;
    this.#name = serverIdentity(options.hostname);
    this.#holder = `${this.#name}_${options.environment.random.uuid()}`;
  }

  /** What an earlier process of this machine has left is dropped, and the Lease made anew. */
  start(): void {
    this.#running = this.#tried(async () => {
      await this.#remove();
      await this.#renew();
    });
    this.#renewLater();
    this.#collectLater();
  }

  /** Resolves when the Lease is gone. Never rejects. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#renewal?.cancel();
    this.#collection?.cancel();
    await this.#running;
    await this.#tried(() => this.#remove());
  }

  #renewLater(): void {
    const { timers, random } = this.#options.environment;
    const delayMs = RENEW_MS * (1 + random.next() * RENEW_JITTER);
    this.#renewal = timers.after(delayMs, () => {
      this.#running = this.#tried(() => this.#renew());
      this.#renewLater();
    });
  }

  #collectLater(): void {
    this.#collection = this.#options.environment.timers.after(COLLECT_MS, () => {
      void this.#tried(() => this.#collect());
      this.#collectLater();
    });
  }

  /** What fails is tried again at the next time. */
  async #tried(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.environment.log.warn('the lease of this server cannot be kept', {
        error: messageOf(error),
      });
    }
  }

  #remove(): Promise<void> {
    const metadata = { namespace: NAMESPACE, name: this.#name };
    return this.#options.client.remove(TARGET, { metadata });
  }

  async #renew(): Promise<void> {
    if (this.#isStopped) return;
    const { client, reader } = this.#options;
    const existing = reader.get(TARGET, NAMESPACE, this.#name) as Lease | undefined;
    const lease = this.#leaseFrom(existing);
    if (existing !== undefined && (await client.replace(TARGET, lease))) return;
    await client.create(TARGET, this.#leaseFrom(undefined));
  }

  #leaseFrom(existing: Lease | undefined): Lease {
    const { hostname, peerAddress, environment } = this.#options;
    const { labels, annotations, ...metadata } = existing?.metadata ?? {};
    return {
      ...existing,
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...metadata,
        namespace: NAMESPACE,
        name: this.#name,
        labels: { ...labels, [COMPONENT_LABEL]: COMPONENT, [HOSTNAME_LABEL]: hostname },
        annotations: { ...annotations, [PEER_ANNOTATION]: peerAddress },
      },
      spec: {
        ...existing?.spec,
        holderIdentity: this.#holder,
        leaseDurationSeconds: DURATION_SECONDS,
        renewTime: microTimeText(environment.clock.now()),
      },
    };
  }

  /** Leases of servers that have not renewed theirs in time. */
  async #collect(): Promise<void> {
    const { client, reader, environment } = this.#options;
    const nowMs = environment.clock.now();
    const isOver = ({ spec }: Lease): boolean => {
      const { renewTime, leaseDurationSeconds } = spec ?? {};
      if (renewTime === undefined || leaseDurationSeconds === undefined) return true;
      return Date.parse(renewTime) + leaseDurationSeconds * 1000 < nowMs;
    };
    const ofServers = ([...reader.list(TARGET)] as Lease[]).filter(
      ({ metadata }) =>
        metadata?.namespace === NAMESPACE && metadata.labels?.[COMPONENT_LABEL] === COMPONENT,
    );
    for (const lease of ofServers.filter(isOver)) await client.remove(TARGET, lease);
  }
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648, in small letters and without padding. */
function base32(bytes: Uint8Array): string {
  let text = '';
  let [bits, value] = [0, 0];
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31] ?? '';
  }
  return bits === 0 ? text : text + (ALPHABET[(value << (5 - bits)) & 31] ?? '');
}
