/**
 * Discovery documents as data: what is served, at which path.
 *
 * Source: API reference v1.36, meta/v1 APIGroupList, APIGroup, APIResourceList, APIVersions;
 * apidiscovery.k8s.io/v2 (KEP-3352).
 */
import { createHash } from 'node:crypto';
import type { AnyKind, Verb } from '#api/kind.ts';
import { apiVersionOf } from '#api/meta/object.ts';
import type { Group, GroupVersionKinds } from './groups.ts';
import { type Subresource, subresourcesOf } from './subresources.ts';

/** A document, and the model that encodes it as protobuf. */
export interface Document {
  readonly kind: string;
  readonly apiVersion: string;
  readonly schema: string;
  readonly isCore?: boolean;
  /** Without `kind` and `apiVersion`. */
  readonly body: object;
}

const META_V1 = 'io.k8s.apimachinery.pkg.apis.meta.v1';

function metaDocument(kind: string, body: object, isCore = false): Document {
  return { kind, apiVersion: 'v1', schema: `${META_V1}.${kind}`, isCore, body };
}

/** `/api`: the versions of the core group, and where clients reach this server (`host:port`). */
export function coreVersions(core: Group | undefined, serverAddress: string | undefined): Document {
  const address = serverAddress === undefined ? [] : [{ clientCIDR: '0.0.0.0/0', serverAddress }];
  const versions = core?.versions.map(({ version }) => version) ?? [];
  return metaDocument('APIVersions', { versions, serverAddressByClientCIDRs: address }, true);
}

/** `/apis` */
export function groupList(groups: readonly Group[]): Document {
  return metaDocument('APIGroupList', { groups: groups.map(groupBody) });
}

/** `/apis/<group>` */
export function groupDocument(group: Group): Document {
  return metaDocument('APIGroup', groupBody(group));
}

function groupBody({ name, versions }: Group): object {
  const all = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }));
  return { name, versions: all, preferredVersion: all[0] };
}

/** `/api/v1`, `/apis/<group>/<version>` */
export function resourceList(
  group: string,
  { version, kinds }: GroupVersionKinds,
  hashes: boolean,
): Document {
  const resources = kinds.flatMap((kind) => [
    resourceBody(kind, hashes),
    ...subresourcesOf(kind).map((subresource) => subresourceBody(kind, subresource)),
  ]);
  return metaDocument(
    'APIResourceList',
    { groupVersion: apiVersionOf({ group, version }), resources },
    group === '',
  );
}

const CUSTOM_VERBS: readonly Verb[] = [
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'create',
  'update',
  'watch',
];

/** Nothing new comes of a kind that is going. */
const WRITING_VERBS: readonly Verb[] = ['patch', 'create', 'update'];

/** In upstream's order, which for custom kinds is one of its own. */
function verbsOf({ custom, verbs }: AnyKind): readonly Verb[] {
  if (custom === undefined) return verbs.toSorted();
  return CUSTOM_VERBS.filter(
    (verb) => verbs.includes(verb) && !(custom.isTerminating && WRITING_VERBS.includes(verb)),
  );
}

function resourceBody(kind: AnyKind, hashes: boolean): object {
  return {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: verbsOf(kind),
    ...listUnlessEmpty('shortNames', kind.shortNames),
    ...listUnlessEmpty('categories', kind.categories),
    ...(hashes && isStored(kind) ? { storageVersionHash: storageVersionHash(kind) } : {}),
  };
}

function subresourceBody(kind: AnyKind, subresource: Subresource): object {
  return {
    name: `${kind.plural}/${subresource.name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...subresource.groupVersion,
    kind: subresource.kind,
    verbs: subresource.verbs,
  };
}

function listUnlessEmpty(name: string, list: readonly string[]): object {
  return list.length === 0 ? {} : { [name]: list };
}

/** Reviews, bindings and component statuses are made on demand. */
function isStored(kind: AnyKind): boolean {
  return kind.verbs.includes('watch');
}

/** Kinds that upstream still stores in an older version; clients compare the hash with upstream's. */
const HASHED_VERSIONS: Readonly<Record<string, string>> = {
  'admissionregistration.k8s.io/MutatingAdmissionPolicy': 'v1beta1',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding': 'v1beta1',
  'apiextensions.k8s.io/CustomResourceDefinition': 'v1beta1',
};

/** Tells clients when the version in the store changes: 8 bytes of SHA-256 in base64. */
function storageVersionHash(kind: AnyKind): string {
  const { group, version } = kind.storedAs ?? kind;
  const hashed = HASHED_VERSIONS[`${kind.group}/${kind.kind}`] ?? version;
  return createHash('sha256')
    .update(`${group}/${hashed}/${kind.kind}`)
    .digest()
    .subarray(0, 8)
    .toString('base64');
}

/** `/api` and `/apis` as one document each, for clients that ask for it. */
export function aggregated(groups: readonly Group[]): Document {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    schema: 'io.k8s.api.apidiscovery.v2.APIGroupDiscoveryList',
    body: {
      metadata: {},
      items: groups.map(({ name, versions }) => ({
        metadata: name === '' ? {} : { name },
        versions: versions.map((version) => ({
          version: version.version,
          resources: version.kinds.map(aggregatedResource),
          freshness: 'Current',
        })),
      })),
    },
  };
}

/** Kinds are made once, and there may be thousands of them in each new set. */
const aggregatedResources = new WeakMap<AnyKind, object>();

function aggregatedResource(kind: AnyKind): object {
  let made = aggregatedResources.get(kind);
  if (made === undefined) aggregatedResources.set(kind, (made = makeAggregatedResource(kind)));
  return made;
}

function makeAggregatedResource(kind: AnyKind): object {
  const subresources = subresourcesOf(kind).map((subresource) => ({
    subresource: subresource.name,
    responseKind: responseKind(subresource.kind, subresource.groupVersion),
    verbs: subresource.verbs,
  }));
  return {
    resource: kind.plural,
    responseKind: responseKind(kind.kind),
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: verbsOf(kind),
    ...listUnlessEmpty('shortNames', kind.shortNames),
    ...listUnlessEmpty('categories', kind.categories),
    ...(subresources.length === 0 ? {} : { subresources }),
  };
}

/** The group and version are empty where they are the resource's own. */
function responseKind(
  kind: string,
  groupVersion: Subresource['groupVersion'] = { group: '', version: '' },
): object {
  return { ...groupVersion, kind };
}
