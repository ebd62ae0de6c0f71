/** The cluster as DNS sees it, from the informers' caches: every look-up is by an index. */
import { NAMESPACE } from '#api/core/namespace.ts';
import { SERVICE } from '#api/core/service.ts';
import { ENDPOINT_SLICE } from '#api/discovery/endpoint-slice.ts';
import type { Namespace, Service } from '#api/gen/core-v1.ts';
import type { EndpointSlice } from '#api/gen/discovery-v1.ts';
import type { Informer } from '#client/informer.ts';
import type { InformerFactory } from '#client/informer-factory.ts';
import type { ClusterView } from './answer.ts';
import { canonicalAddress } from './names.ts';

const BY_SERVICE = 'service';
const BY_ADDRESS = 'address';
const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

export class InformerView implements ClusterView {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #namespaces: Informer<Namespace>;

  constructor(informers: InformerFactory) {
    this.#services = informers.for(SERVICE);
    this.#slices = informers.for(ENDPOINT_SLICE);
    this.#namespaces = informers.for(NAMESPACE, { metadataOnly: true });
    this.#services.index(BY_ADDRESS, ({ spec }) => (spec?.clusterIPs ?? []).map(canonicalAddress));
    this.#slices.index(BY_SERVICE, ({ metadata }) => {
      const name = metadata?.labels?.[SERVICE_NAME_LABEL];
      return name === undefined ? [] : [`${metadata?.namespace ?? ''}/${name}`];
    });
    this.#slices.index(BY_ADDRESS, ({ endpoints }) =>
      (endpoints ?? []).flatMap(({ addresses }) => addresses.map(canonicalAddress)),
    );
  }

  /** Calls `changed` for each slice that is new or other than it was, once the cluster is known. */
  onSlice(changed: (slice: EndpointSlice, service: Service | undefined) => void): void {
    this.#slices.onChange(({ type, object }) => {
      if (type === 'deleted' || !this.hasSynced) return;
      const { namespace = '', labels } = object.metadata ?? {};
      changed(object, this.service(namespace, labels?.[SERVICE_NAME_LABEL] ?? ''));
    });
  }

  get hasSynced(): boolean {
    return this.#services.hasSynced && this.#slices.hasSynced && this.#namespaces.hasSynced;
  }

  async synced(): Promise<void> {
    await Promise.all([this.#services.synced(), this.#slices.synced(), this.#namespaces.synced()]);
  }

  /** Grows with every change of the zone. */
  get revision(): number {
    return Math.max(this.#services.resourceVersion, this.#slices.resourceVersion);
  }

  service(namespace: string, name: string): Service | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  slices(namespace: string, name: string): readonly EndpointSlice[] {
    return this.#slices.byIndex(BY_SERVICE, `${namespace}/${name}`);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.get(name) !== undefined;
  }

  servicesAt(address: string): readonly Service[] {
    return this.#services.byIndex(BY_ADDRESS, canonicalAddress(address));
  }

  slicesAt(address: string): readonly EndpointSlice[] {
    return this.#slices.byIndex(BY_ADDRESS, canonicalAddress(address));
  }
}
