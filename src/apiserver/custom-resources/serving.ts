/**
 * Serves what custom resource definitions define, from the moment they are established.
 *
 * It follows the watch cache in the same turn in which a definition changes, so a client that sees
 * a definition established finds its resources there. Schemas are compiled when a resource is first
 * used: two thousand definitions cost little before.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/customresource_handler.go.
 */
import { createHash } from 'node:crypto';
import { isConditionTrue } from '#api/apiextensions/condition-list.ts';
import type { CustomResourceDefinition, JSONSchemaProps } from '#api/gen/apiextensions-v1.ts';
import type { RuleEngine } from '#api/structural/rule-engine.ts';
import type { ObjectReader } from '../admission/admission.ts';
import { CUSTOM_RESOURCE_DEFINITIONS } from '../admission/targets.ts';
import { Resource } from '../registry/resource.ts';
import type { ResourceSet } from '../registry/resource-set.ts';
import type { WatchHub } from '../watch-cache/hub.ts';
import { type CustomKindOptions, customKinds, storedKind } from './custom-kind.ts';
import type { ConversionServices } from './webhook-conversion.ts';
import { nameOf, revisionOf, storagePrefixOf } from './definitions.ts';

/** A definition that lies in the cache as bytes; `read` is renewed when its status changes. */
interface StoredDefinition {
  read(): CustomResourceDefinition;
}

/** What is served for one definition. */
interface Served {
  /** What it was made of: status and metadata change often, and change nothing here. */
  readonly source: string;
  readonly stored: StoredDefinition;
  readonly isTerminating: boolean;
  readonly storagePrefix: string;
  readonly retire: AbortController;
}

export class CustomResourceServing {
  readonly #hub: WatchHub;
  readonly #resources: ResourceSet;
  readonly #reader: ObjectReader;
  readonly #rules: RuleEngine | undefined;
  readonly #conversion: ConversionServices;
  readonly #served = new Map<string, Served>();

  constructor(options: {
    readonly hub: WatchHub;
    readonly resources: ResourceSet;
    readonly reader: ObjectReader;
    readonly rules?: RuleEngine;
    readonly conversion: ConversionServices;
  }) {
    this.#rules = options.rules;
    this.#conversion = options.conversion;
    this.#hub = options.hub;
    this.#resources = options.resources;
    this.#reader = options.reader;
  }

  /** Serves what is defined already, and follows. Call it when the caches are filled. */
  start(): void {
    for (const definition of this.#reader.list(CUSTOM_RESOURCE_DEFINITIONS))
      this.#serve(definition as CustomResourceDefinition);
    this.#reader.follow(CUSTOM_RESOURCE_DEFINITIONS, ({ name, object }) => {
      if (object !== undefined) return this.#serve(object as CustomResourceDefinition);
      const before = this.#retire(name);
      if (before !== undefined) this.#hub.forget(before.storagePrefix);
    });
  }

  /** All objects of a definition as they are stored, whatever versions are served. */
  stored(definition: CustomResourceDefinition): Resource | undefined {
    const options = this.#optionsFor(definition, { read: () => definition });
    const kind = storedKind(definition, options);
    const cache = this.#hub.cache(storagePrefixOf(definition));
    return kind && new Resource({ kind, cache, hub: this.#hub });
  }

  #optionsFor(definition: CustomResourceDefinition, stored: StoredDefinition): CustomKindOptions {
    return {
      readSchema: (version) => schemaOf(stored.read(), version),
      storedSince: revisionOf(definition),
      ...(this.#rules === undefined ? {} : { rules: this.#rules }),
      conversion: this.#conversion,
    };
  }

  /** Reads the definition as it lies in the cache now: its bytes are there once, for all. */
  #readerOf(name: string): (() => CustomResourceDefinition) | undefined {
    const { group, plural } = CUSTOM_RESOURCE_DEFINITIONS;
    const resource = this.#resources.first(group, plural);
    const entry = resource?.cache.get(resource.key('', name));
    return entry && (() => resource?.read(entry) as CustomResourceDefinition);
  }

  #serve(definition: CustomResourceDefinition): void {
    const name = nameOf(definition);
    if (!isServed(definition)) {
      this.#retire(name);
      return;
    }
    const source = sourceOf(definition);
    const before = this.#served.get(name);
    const isTerminating = isConditionTrue(definition, 'Terminating');
    const isSame = before?.source === source;
    const stored = isSame ? before.stored : { read: () => definition };
    const read = this.#readerOf(name);
    if (read !== undefined) stored.read = read;
    if (isSame && before.isTerminating === isTerminating) return;
    // Who watches objects sees them go, when their kind goes.
    if (!isSame) before?.retire.abort();
    const retire = isSame ? before.retire : new AbortController();
    const storagePrefix = storagePrefixOf(definition);
    const cache = this.#hub.cache(storagePrefix);
    const resources = customKinds(definition, this.#optionsFor(definition, stored)).map(
      (kind) => new Resource({ kind, cache, hub: this.#hub, retired: retire.signal }),
    );
    this.#served.set(name, { source, stored, isTerminating, storagePrefix, retire });
    this.#resources.setCustom(name, resources);
  }

  /** Serves it no longer; its objects stay. */
  #retire(name: string): Served | undefined {
    const before = this.#served.get(name);
    before?.retire.abort();
    this.#served.delete(name);
    this.#resources.setCustom(name, []);
    return before;
  }
}

/** Upstream serves a definition whose names are accepted, or once were. */
function isServed(definition: CustomResourceDefinition): boolean {
  return isConditionTrue(definition, 'NamesAccepted') || isConditionTrue(definition, 'Established');
}

function schemaOf({ spec }: CustomResourceDefinition, version: string): JSONSchemaProps {
  return spec?.versions.find(({ name }) => name === version)?.schema?.openAPIV3Schema ?? {};
}

/** Of all that decides how the resources are served, a hash. */
function sourceOf(definition: CustomResourceDefinition): string {
  const { metadata, spec, status } = definition;
  const text = JSON.stringify([metadata?.uid, spec, status?.acceptedNames]);
  return createHash('sha256').update(text).digest('base64');
}
