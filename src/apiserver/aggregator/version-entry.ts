/**
 * What another API server says of one of its group versions, in the form of aggregated discovery:
 * taken apart and put together anew, so that nothing it says wrongly spoils the whole document.
 *
 * Source: API reference, apidiscovery.k8s.io/v2 and meta/v1 APIResourceList; upstream
 * apiserver/pkg/endpoints/installer.go (ConvertGroupVersionIntoToDiscovery).
 */

/** A version of a group in an aggregated document. */
export interface VersionEntry {
  readonly version: string;
  readonly freshness?: 'Current' | 'Stale';
  readonly resources?: readonly object[];
}

type Loose = Readonly<Record<string, unknown>>;

/** Resources of one version that are listed at most. */
const RESOURCES_MAX = 10_000;

function loose(value: unknown): Loose {
  return typeof value === 'object' && value !== null ? (value as Loose) : {};
}

function looseList(value: unknown): Loose[] {
  return Array.isArray(value) ? value.slice(0, RESOURCES_MAX).map(loose) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

/** The versions of an APIGroupDiscoveryList, by `<group>/<version>`. */
export function entriesOfGroups(document: unknown): Map<string, VersionEntry> {
  return new Map(
    looseList(loose(document)['items']).flatMap((group) =>
      looseList(group['versions']).map((entry) => {
        const version = text(entry['version']);
        const resources = looseList(entry['resources']).map(resourceEntry);
        return [`${text(loose(group['metadata'])['name'])}/${version}`, { version, resources }];
      }),
    ),
  );
}

function resourceEntry(resource: Loose): object {
  const subresources = looseList(resource['subresources']).map((child) => ({
    subresource: text(child['subresource']),
    responseKind: kindOf(loose(child['responseKind'])),
    verbs: texts(child['verbs']),
  }));
  return {
    resource: text(resource['resource']),
    responseKind: kindOf(loose(resource['responseKind'])),
    scope: resource['scope'] === 'Namespaced' ? 'Namespaced' : 'Cluster',
    singularResource: text(resource['singularResource']),
    verbs: texts(resource['verbs']),
    ...unlessEmpty('shortNames', texts(resource['shortNames'])),
    ...unlessEmpty('categories', texts(resource['categories'])),
    ...unlessEmpty('subresources', subresources),
  };
}

/** Group and version are empty where they are the resource's own. */
function kindOf(kind: Loose): object {
  return { group: text(kind['group']), version: text(kind['version']), kind: text(kind['kind']) };
}

function unlessEmpty(name: string, list: readonly unknown[]): object {
  return list.length === 0 ? {} : { [name]: list };
}

/** The version that an APIResourceList, the old form, describes. */
export function entryOfList(version: string, document: unknown): VersionEntry {
  const listed = looseList(loose(document)['resources']).map((resource) => {
    const [name = '', child] = text(resource['name']).split('/', 2);
    return { name, child, resource };
  });
  const byName = Map.groupBy(listed, ({ name }) => name);
  return {
    version,
    resources: [...byName].map(([name, all]) => {
      const own = all.find(({ child }) => child === undefined)?.resource;
      const { singularName, namespaced, ...rest } = own ?? loose(all[0]?.resource);
      return resourceEntry({
        ...(own === undefined ? {} : { ...rest, responseKind: own }),
        resource: name,
        singularResource: singularName,
        scope: namespaced === true ? 'Namespaced' : 'Cluster',
        subresources: all.flatMap(({ child, resource }) =>
          child === undefined
            ? []
            : [{ subresource: child, responseKind: resource, verbs: resource['verbs'] }],
        ),
      });
    }),
  };
}
