/**
 * Trust anchors for the pods of this node, out of ClusterTrustBundles.
 *
 * The bundles are watched from the first time that a pod needs one. Source: KEP-3257. Upstream:
 * pkg/kubelet/clustertrustbundle/clustertrustbundle_manager.go, v1.36. Different on purpose: the
 * order of the certificates is another one in each run of the kubelet, as there, but stays the same
 * within it, and a server that has no bundles is asked again.
 */
import { createHash } from 'node:crypto';
import type { ClusterTrustBundle } from '#api/gen/certificates-v1beta1.ts';
import type { ClusterTrustBundleProjection } from '#api/gen/core-v1.ts';
import { formatSelector, matchesSelector, selectorOf } from '#api/meta/labels.ts';
import { isNotFound } from '#api/meta/status.ts';
import { type Environment, sleep } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { pemBlocks } from '#base/pem.ts';
import { toPem } from '#base/x509.ts';
import type { Client, ResourceType } from '#client/client.ts';
import { Informer } from '#client/informer.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { CLUSTER_TRUST_BUNDLE } from '../resources.ts';

const GATE = 'ClusterTrustBundleProjection';
/** The better one first. The fields are the same. */
const VERSIONS = ['v1beta1', 'v1alpha1'];
const SYNC_WAIT_MS = 10_000;
const SELECTOR_MAX_BYTES = 100 * 1024;
const SALT_BYTES = 16;
const UNSUPPORTED = 'ClusterTrustBundle projection is not supported in static kubelet mode';

/** What a volume needs to know of bundles. */
export interface TrustAnchorSource {
  /** Certificates in PEM. Rejects with upstream's message. */
  anchors(podUid: string, wish: ClusterTrustBundleProjection): Promise<string>;
  /** The pod needs none any more. */
  forget(podUid: string): void;
}

export interface TrustBundlesOptions {
  readonly client: Client;
  readonly environment: Environment;
  readonly configuration: Pick<KubeletConfiguration, 'featureGates'>;
  /** Ends the watch. */
  readonly signal: AbortSignal;
  /** Told which pods have anchors of bundles when one changed. */
  readonly onChange: (podUids: readonly string[]) => void;
}

interface Anchor {
  /** Where it stands among others. */
  readonly rank: string;
  readonly pem: string;
}

export class TrustBundles implements TrustAnchorSource {
  readonly #options: TrustBundlesOptions;
  readonly #salt: Uint8Array;
  readonly #users = new Set<string>();
  /** A bundle that changes is another object. */
  readonly #read = new WeakMap<ClusterTrustBundle, readonly Anchor[]>();
  #opening: Promise<Informer<ClusterTrustBundle>> | undefined;

  constructor(options: TrustBundlesOptions) {
    this.#options = options;
    this.#salt = options.environment.random.bytes(SALT_BYTES);
  }

  async anchors(podUid: string, wish: ClusterTrustBundleProjection): Promise<string> {
    const { name, signerName, optional = false } = wish;
    if (name === undefined && signerName === undefined)
      throw new Error('ClusterTrustBundle projection requires either name or signerName to be set');
    if (this.#options.configuration.featureGates?.[GATE] !== true) throw new Error(UNSUPPORTED);
    this.#users.add(podUid);
    const informer = await this.#opened();
    if (!informer.hasSynced) throw new Error('ClusterTrustBundle informer has not yet synced');
    const bundles =
      name === undefined ? ofSigner(informer.list(), wish) : named(informer, name, optional);
    return this.#joined(bundles);
  }

  forget(podUid: string): void {
    this.#users.delete(podUid);
  }

  #opened(): Promise<Informer<ClusterTrustBundle>> {
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  /** Waits for the first list, but not for long: until then pods are told that it is missing. */
  async #open(): Promise<Informer<ClusterTrustBundle>> {
    const { client, environment, signal } = this.#options;
    const type = await servedType(client);
    if (type === undefined) throw new Error(UNSUPPORTED);
    const informer = new Informer({ client, environment, type });
    informer.onChange(() => this.#options.onChange([...this.#users]));
    informer.start(signal);
    await Promise.race([informer.synced(), sleep(environment, SYNC_WAIT_MS, signal)]);
    return informer;
  }

  /** Each certificate once. */
  #joined(bundles: readonly ClusterTrustBundle[]): string {
    const byRank = new Map(
      bundles.flatMap((bundle) => this.#anchorsOf(bundle)).map(({ rank, pem }) => [rank, pem]),
    );
    return [...byRank]
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([, pem]) => pem)
      .join('');
  }

  #anchorsOf(bundle: ClusterTrustBundle): readonly Anchor[] {
    const known = this.#read.get(bundle);
    if (known !== undefined) return known;
    const anchors = pemBlocks(bundle.spec?.trustBundle ?? '').map(({ der }) => ({
      rank: createHash('sha256').update(this.#salt).update(der).digest('hex'),
      pem: toPem('CERTIFICATE', der),
    }));
    this.#read.set(bundle, anchors);
    return anchors;
  }
}

/** Undefined when the server has no bundles. */
async function servedType(client: Client): Promise<ResourceType<ClusterTrustBundle> | undefined> {
  for (const version of VERSIONS) {
    try {
      const list = JSON.parse(
        await client.raw('GET', `/apis/${CLUSTER_TRUST_BUNDLE.group}/${version}`),
      ) as { readonly resources?: readonly { readonly name: string }[] };
      if (list.resources?.some(({ name }) => name === CLUSTER_TRUST_BUNDLE.plural) === true)
        return { ...CLUSTER_TRUST_BUNDLE, version };
    } catch (error) {
      if (isNotFound(error)) continue;
      throw new Error(
        `failed to ensure informer manager for ClusterTrustBundles: failed to determine which informer manager to choose: ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
  return undefined;
}

function named(
  informer: Informer<ClusterTrustBundle>,
  name: string,
  optional: boolean,
): ClusterTrustBundle[] {
  const bundle = informer.get(name);
  if (bundle !== undefined) return [bundle];
  if (optional) return [];
  throw new Error(
    `while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "${name}" not found`,
  );
}

/** Without a selector none is meant, with an empty one all. */
function ofSigner(
  bundles: readonly ClusterTrustBundle[],
  { signerName, labelSelector, optional = false }: ClusterTrustBundleProjection,
): ClusterTrustBundle[] {
  const selector = selectorOf(labelSelector);
  const length = selector === undefined ? 0 : Buffer.byteLength(formatSelector(selector));
  if (length > SELECTOR_MAX_BYTES)
    throw new Error(`label selector length (${length}) is larger than ${SELECTOR_MAX_BYTES}`);
  const found = bundles.filter(
    ({ metadata, spec }) =>
      selector !== undefined &&
      spec?.signerName === signerName &&
      matchesSelector(selector, metadata?.labels),
  );
  if (found.length === 0 && !optional)
    throw new Error('combination of signerName and labelSelector matched zero ClusterTrustBundles');
  return found;
}
