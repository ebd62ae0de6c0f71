/**
 * A kubelet that gets certificates for its pods, a whole API server, and a signer that answers when it
 * is told to.
 */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import type { TestContext } from 'node:test';
import { POD_CERTIFICATE_REQUEST } from '#api/certificates/pod-certificate-request.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import type { PodCertificateProjection } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import { requestKey } from '#base/csr.ts';
import { createCertificate } from '#base/x509.ts';
import type { KubeletConfiguration } from '#kubelet/config/types.ts';
import { TestCluster } from '../cluster.ts';
import { KubeletWorld } from './kubelet-world.ts';

const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
/** When certificates are to be renewed, unless it is said. */
export const REFRESH = 10 * MINUTE;
export const SIGNER = 'example.com/pods';
export const GATE_ON = { featureGates: { PodCertificateRequest: true } };
const AUTHORITY = generateKeyPairSync('ec', { namedCurve: 'P-256' });

/** What one look at a volume finds. */
export interface Seen {
  readonly key: string;
  readonly chain: string;
  readonly bundle: string;
}

export class PodCertificatesWorld {
  readonly world: KubeletWorld;

  private constructor(world: KubeletWorld) {
    this.world = world;
  }

  static async start(
    t: TestContext,
    configuration: Partial<KubeletConfiguration> = GATE_ON,
    runtimeConfig = 'certificates.k8s.io/v1beta1=true',
  ): Promise<PodCertificatesWorld> {
    const cluster = await TestCluster.start({
      nodes: 0,
      scheduler: false,
      apiServer: {
        featureGates: new FeatureGates(parseFeatureGates('PodCertificateRequest=true')),
        runtimeConfig: parseRuntimeConfig(runtimeConfig),
      },
    });
    t.after(() => cluster.stop());
    const world = await KubeletWorld.make(cluster);
    t.after(() => world.stop());
    await world.start(configuration);
    return new PodCertificatesWorld(world);
  }

  get nowMs(): number {
    return this.world.cluster.environment.clock.now();
  }

  advance(ms: number): Promise<void> {
    return this.world.advance(ms);
  }

  /** A pod with one volume, `v`, of these sources: each has a bundle `B`, a key and a chain. */
  async run(sources: readonly PodCertificateProjection[] = [{}], name = 'p'): Promise<void> {
    const whole = sources.map((source, index) => ({
      podCertificate: {
        signerName: SIGNER,
        keyType: 'ECDSAP256',
        credentialBundlePath: `${index}/bundle.pem`,
        keyPath: `${index}/key.pem`,
        certificateChainPath: `${index}/chain.pem`,
        ...source,
      },
    }));
    await this.world.runPod(name, { volumes: [{ name: 'v', projected: { sources: whole } }] });
  }

  /** All requests, the oldest first. */
  async requests(): Promise<PodCertificateRequest[]> {
    const all = await this.world.cluster.list(POD_CERTIFICATE_REQUEST);
    const age = ({ metadata }: PodCertificateRequest): number =>
      Number(metadata?.resourceVersion ?? 0);
    return all.toSorted((one, other) => age(one) - age(other));
  }

  /** Those that nobody has answered. */
  async open(): Promise<PodCertificateRequest[]> {
    return (await this.requests()).filter(({ status }) => status?.conditions === undefined);
  }

  /** Issues what is asked for, for so long; `rest` comes behind the certificate. Answers how many. */
  async issue({
    lifeMs = HOUR,
    refreshMs = REFRESH,
    rest = '',
  }: Partial<Record<'lifeMs' | 'refreshMs', number>> & { rest?: string } = {}): Promise<number> {
    const requests = await this.open();
    const beginMs = Math.floor(this.nowMs / SECOND) * SECOND;
    for (const request of requests) {
      const publicKey = requestKey(Buffer.from(request.spec?.stubPKCS10Request ?? '', 'base64'));
      if (publicKey === undefined) throw new Error('the request is for no key');
      const certificate = createCertificate({
        subject: { commonName: request.spec?.podName ?? '' },
        publicKey,
        issuer: { name: { commonName: 'authority' }, ...AUTHORITY },
        serial: Buffer.from([1]),
        notBeforeMs: beginMs,
        notAfterMs: beginMs + lifeMs,
        uses: ['client'],
      });
      await this.#answer(
        request,
        'Issued',
        { reason: 'Signed', message: '' },
        {
          certificateChain: certificate + rest,
          notBefore: timeText(beginMs),
          beginRefreshAt: timeText(beginMs + refreshMs),
          notAfter: timeText(beginMs + lifeMs),
        },
      );
    }
    await this.advance(2 * SECOND);
    return requests.length;
  }

  /** Refuses what is asked for. */
  async refuse(type: 'Denied' | 'Failed', reason: string, message: string): Promise<void> {
    for (const request of await this.open())
      await this.#answer(request, type, { reason, message }, {});
    await this.advance(2 * SECOND);
  }

  async #answer(
    request: PodCertificateRequest,
    type: string,
    words: { readonly reason: string; readonly message: string },
    status: PodCertificateRequest['status'],
  ): Promise<void> {
    const { cluster } = this.world;
    const lastTransitionTime = timeText(this.nowMs);
    const conditions = [{ type, status: 'True' as const, ...words, lastTransitionTime }];
    const next = { ...request, status: { ...status, conditions } };
    await cluster.run(cluster.client.update(POD_CERTIFICATE_REQUEST, next, 'status'));
  }

  /** What the pod reads of a source; undefined while there is nothing. */
  async files(index = 0, name = 'p'): Promise<Seen | undefined> {
    const { fileSystem } = this.world;
    const uid = (await this.world.pod(name))?.metadata?.uid ?? '';
    const directory = `/var/lib/kubelet/memory/${uid}/v`;
    const current = await fileSystem.readLink(`${directory}/..data`).catch(() => undefined);
    if (current === undefined) return undefined;
    const read = (file: string): Promise<string> =>
      fileSystem.readText(`${directory}/${current}/${index}/${file}.pem`);
    return { key: await read('key'), chain: await read('chain'), bundle: await read('bundle') };
  }

  /** The messages of the events of this reason. */
  events(reason: string): string[] {
    return this.world.events
      .filter((event) => event.reason === reason)
      .map(({ message }) => message);
  }

  /** The samples of the metric of states, without its name. */
  states(): string[] {
    const text = this.world.kubelet?.context?.metrics.registry.text() ?? '';
    return text
      .split('\n')
      .filter((line) => line.startsWith('kubelet_podcertificate_states{'))
      .map((line) => line.slice('kubelet_podcertificate_states'.length));
  }
}

/** The first certificate is for the key. */
export function fits({ key, chain }: Seen): boolean {
  return new X509Certificate(chain).checkPrivateKey(createPrivateKey(key));
}
