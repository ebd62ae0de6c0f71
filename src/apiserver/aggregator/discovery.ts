/**
 * Discovery of everything: our own documents with the group versions of other servers among them, in
 * the order that the APIServices ask for. As long as there is no other server, ours are as they are.
 *
 * Source: upstream kube-aggregator/pkg/apiserver/{handler_apis,handler_discovery}.go.
 */
import { trimEndOf } from '#base/trim.ts';
import type { HttpResponse } from '#base/http/message.ts';
import type { AnyKind, LiveKinds } from '#api/kind.ts';
import {
  aggregatedForms,
  answerWith,
  type Discovery,
  type DiscoveryRequest,
  type WholeDocument,
} from '../discovery/discovery.ts';
import { aggregated, type Document } from '../discovery/documents.ts';
import { groupsOf } from '../discovery/groups.ts';
import { type ApiServices, inOrder, type OrderedGroup } from './api-services.ts';
import type { RemoteDiscovery } from './remote-discovery.ts';
import type { VersionEntry } from './version-entry.ts';

const META_V1 = 'io.k8s.apimachinery.pkg.apis.meta.v1';

export interface MergedDiscoveryOptions {
  readonly kinds: LiveKinds;
  /** Served beside the kinds, and never changed. */
  readonly others?: readonly AnyKind[];
  readonly own: Discovery;
  readonly apiServices: ApiServices;
  readonly remote: RemoteDiscovery;
}

interface Merged {
  readonly key: string;
  readonly list: Document;
  readonly whole: WholeDocument;
  /** By group. */
  readonly groups: ReadonlyMap<string, Document>;
}

export function mergedDiscovery(options: MergedDiscoveryOptions): Discovery {
  let merged: Merged | undefined;
  const current = (): Merged => {
    const key = `${options.kinds.generation} ${options.remote.generation}`;
    if (merged?.key !== key) merged = merge(key, options);
    return merged;
  };
  return {
    handle(context: DiscoveryRequest): HttpResponse | undefined {
      const { method } = context.request;
      const path = trimEndOf(context.info.path, (last) => last === '/');
      const [, root, group = '', ...more] = path.split('/');
      const mayDiffer =
        (method === 'GET' || method === 'HEAD') && root === 'apis' && more.length === 0;
      const remote = mayDiffer ? options.apiServices.allRemote() : [];
      if (remote.length === 0) return options.own.handle(context);
      if (group === '') {
        const { list, whole } = current();
        return answerWith(context, { document: list, whole });
      }
      if (!remote.some((api) => api.group === group)) return options.own.handle(context);
      const document = current().groups.get(group);
      return document && answerWith(context, { document });
    },
  };
}

function merge(key: string, options: MergedDiscoveryOptions): Merged {
  const { kinds, others = [], apiServices, remote } = options;
  const entries = new Map<string, VersionEntry>();
  const found: { group: string; version: string }[] = [];
  const add = (group: string, entry: VersionEntry): void => {
    entries.set(`${group}/${entry.version}`, entry);
    found.push({ group, version: entry.version });
  };
  const own = aggregated(groupsOf([...kinds.kinds(), ...others]).filter(({ name }) => name !== ''));
  for (const { metadata, versions } of itemsOf(own))
    for (const entry of versions) add(metadata.name, entry);
  // A group version that an APIService gives to another server is no longer ours.
  for (const api of apiServices.allRemote()) add(api.group, remote.entryOf(api));
  const groups = inOrder(found, apiServices.priorities());
  const bodies = groups.map(groupBody);
  const items = groups.map(({ group, versions }) => ({
    metadata: { name: group },
    versions: versions.flatMap((version) => entries.get(`${group}/${version}`) ?? []),
  }));
  return {
    key,
    list: metaDocument('APIGroupList', { groups: bodies }),
    whole: aggregatedForms(() => ({ ...own, body: { metadata: {}, items } })),
    groups: new Map(bodies.map((body) => [body.name, metaDocument('APIGroup', body)])),
  };
}

interface GroupItem {
  readonly metadata: { readonly name: string };
  readonly versions: readonly VersionEntry[];
}

function itemsOf({ body }: Document): readonly GroupItem[] {
  return (body as { items: readonly GroupItem[] }).items;
}

function groupBody({ group, versions }: OrderedGroup): {
  readonly name: string;
  versions: object[];
} {
  const all = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  const preferred = { preferredVersion: all[0] };
  return { name: group, versions: all, ...preferred };
}

function metaDocument(kind: string, body: object): Document {
  return { kind, apiVersion: 'v1', schema: `${META_V1}.${kind}`, body };
}
