/**
 * Keys and certificates for the pods of this node, by PodCertificateRequests.
 *
 * Each podCertificate source has a keeper of its own, from when the node learns of the pod. Source:
 * KEP-4317. Upstream: pkg/kubelet/podcertificate/podcertificatemanager.go, v1.36. Different on
 * purpose: for a pod that has ended nothing is asked any more.
 */
import type { PodCertificateRequest } from '#api/gen/certificates-v1beta1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { PrivateKeys } from '#base/doors.ts';
import { aborted, type Environment, sleep } from '#base/env.ts';
import { alpha, countsBy, type MetricRegistry } from '#base/metrics.ts';
import type { Client } from '#client/client.ts';
import { Informer, keyFor } from '#client/informer.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import type { KubeletEvents } from '../events.ts';
import { isTerminalPhase } from '../pod/status.ts';
import { POD_CERTIFICATE_REQUEST } from '../resources.ts';
import { PodCertificateKeeper } from './pod-certificate-keeper.ts';
import type { Credentials } from './pod-certificate-state.ts';

const GATE = 'PodCertificateRequest';
/** Everything is looked at anew so often, and up to twice as rarely. */
const PASS_MS = 60_000;

/** What a volume needs to know of certificates. */
export interface CredentialSource {
  /** Of a source of a volume of the pod. Throws with upstream's message while there are none. */
  credentials(pod: Pod, volume: string, index: number): Credentials;
  /** The pod is gone, or has ended. */
  forget(podUid: string): void;
}

export interface PodCertificatesOptions {
  readonly client: Client;
  readonly environment: Environment;
  readonly keys: PrivateKeys;
  readonly events: KubeletEvents;
  readonly registry: MetricRegistry;
  readonly configuration: Pick<KubeletConfiguration, 'featureGates'>;
  readonly nodeName: string;
  /** Undefined while it is not known. */
  readonly nodeUid: () => string | undefined;
  /** Ends everything. */
  readonly signal: AbortSignal;
  /** Told which pods are to read other files. */
  readonly onChange: (podUids: readonly string[]) => void;
}

export class PodCertificates implements CredentialSource {
  readonly #options: PodCertificatesOptions;
  readonly #informer: Informer<PodCertificateRequest>;
  /** By uid of the pod. */
  readonly #keepers = new Map<string, readonly PodCertificateKeeper[]>();
  /** Nothing is asked for before it is known what was. */
  #isReady = false;

  constructor(options: PodCertificatesOptions) {
    const { client, environment, nodeName, registry } = options;
    this.#options = options;
    this.#informer = new Informer({
      client,
      environment,
      type: POD_CERTIFICATE_REQUEST,
      selection: { fieldSelector: `spec.nodeName=${nodeName}` },
    });
    if (!this.#isOn) return;
    registry.observed(
      alpha(
        'kubelet_podcertificate_states',
        'podCertificate sources of the pods here, by how far they are.',
        'signer_name',
        'state',
      ),
      () => this.#counts(),
    );
  }

  get #isOn(): boolean {
    return this.#options.configuration.featureGates?.[GATE] === true;
  }

  /** Watches the requests of this node, and looks at all sources from time to time. */
  async run(): Promise<void> {
    const { environment, signal } = this.#options;
    if (!this.#isOn) return;
    this.#informer.onChange(({ object }) => this.#wake(object.spec?.podUID ?? ''));
    this.#informer.start(signal);
    await Promise.race([this.#informer.synced(), aborted(signal)]);
    this.#isReady = true;
    while (!signal.aborted) {
      for (const uid of this.#keepers.keys()) this.#wake(uid);
      await sleep(environment, PASS_MS * (1 + environment.random.next()), signal);
    }
    for (const uid of this.#keepers.keys()) this.forget(uid);
  }

  /** The node has learnt of the pod. */
  track(pod: Pod): void {
    const { signal } = this.#options;
    const uid = pod.metadata?.uid ?? '';
    const isOver = isTerminalPhase(pod.status?.phase);
    if (!this.#isOn || isOver || signal.aborted || this.#keepers.has(uid)) return;
    const keepers = this.#keepersOf(pod);
    if (keepers.length === 0) return;
    this.#keepers.set(uid, keepers);
    this.#wake(uid);
  }

  credentials(pod: Pod, volume: string, index: number): Credentials {
    if (!this.#isOn) throw new Error('unimplemented');
    const { namespace, name, uid = '' } = pod.metadata ?? {};
    const keeper = this.#keepers
      .get(uid)
      ?.find(({ kept }) => kept.volume === volume && kept.index === index);
    const found = keeper?.credentials;
    if (found !== undefined) return found;
    throw new Error(`no credentials yet for key={${namespace} ${name} ${uid} ${volume} ${index}}`);
  }

  forget(podUid: string): void {
    for (const keeper of this.#keepers.get(podUid) ?? []) keeper.stop();
    this.#keepers.delete(podUid);
  }

  #wake(podUid: string): void {
    if (!this.#isReady) return;
    for (const keeper of this.#keepers.get(podUid) ?? []) keeper.wake();
  }

  #keepersOf(pod: Pod): PodCertificateKeeper[] {
    const { nodeName, nodeUid, onChange } = this.#options;
    const doors = {
      ...this.#options,
      node: () => ({ name: nodeName, uid: nodeUid() }),
      seen: (namespace: string, name: string) => this.#informer.get(keyFor(name, namespace)),
    };
    const uid = pod.metadata?.uid ?? '';
    return (pod.spec?.volumes ?? []).flatMap(({ name: volume, projected }) =>
      (projected?.sources ?? []).flatMap(({ podCertificate: source }, index) =>
        source === undefined
          ? []
          : [
              new PodCertificateKeeper(doors, { pod, volume, index, source }, () =>
                onChange([uid]),
              ),
            ],
      ),
    );
  }

  #counts(): Iterable<readonly [readonly string[], number]> {
    const known = [...this.#keepers.values()]
      .flat()
      .flatMap(({ kept, stateName }) =>
        stateName === undefined ? [] : [{ signer: kept.source.signerName ?? '', stateName }],
      );
    return countsBy(known, ({ signer, stateName }) => [signer, stateName]);
  }
}
