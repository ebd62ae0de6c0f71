/**
 * Discovery: which resources the server serves, each in its preferred version.
 *
 * Reads the aggregated form (two requests), and the older one from servers that lack it. A group
 * that cannot be read is reported and does not hide the others. Source: API reference v1.36,
 * apidiscovery.k8s.io/v2; upstream staging/src/k8s.io/client-go/discovery.
 */
import type { KubeObject } from '#api/meta/object.ts';
import { parseApiVersion } from '#api/meta/object.ts';
import type { Client, ResourceType } from './client.ts';

const AGGREGATED =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

export interface DiscoveredResource extends ResourceType<KubeObject> {
  readonly verbs: readonly string[];
  readonly singular?: string;
  readonly shortNames?: readonly string[];
}

export interface Discovery {
  /** Top-level resources of the preferred version of each group; no subresources. */
  readonly resources: readonly DiscoveredResource[];
  /** The same of all versions. */
  readonly all: readonly DiscoveredResource[];
  /** Group versions that could not be read, and why. */
  readonly failures: ReadonlyMap<string, string>;
}

/** Rejects only when the server cannot be reached at all. */
export async function discover(client: Client): Promise<Discovery> {
  const resources: DiscoveredResource[] = [];
  const failures = new Map<string, string>();
  for (const root of ['/api', '/apis']) {
    const answer = parse(await client.raw('GET', root, undefined, AGGREGATED));
    if (answer['kind'] === 'APIGroupDiscoveryList') readAggregated(answer, resources, failures);
    else await readGroups(client, answer, { resources, failures });
  }
  return { resources: preferred(resources), all: resources, failures };
}

type Fields = Readonly<Record<string, unknown>>;

function readAggregated(
  answer: Fields,
  resources: DiscoveredResource[],
  failures: Map<string, string>,
): void {
  for (const group of fieldsList(answer['items'])) {
    const groupName = textOf(fieldsOf(group['metadata'])['name']);
    for (const version of fieldsList(group['versions'])) {
      const versionName = textOf(version['version']);
      if (version['freshness'] === 'Stale')
        failures.set(`${groupName}/${versionName}`, 'stale GroupVersion discovery');
      for (const resource of fieldsList(version['resources'])) {
        const kind = fieldsOf(resource['responseKind']);
        resources.push({
          group: groupName,
          version: versionName,
          kind: textOf(kind['kind']),
          plural: textOf(resource['resource']),
          namespaced: resource['scope'] === 'Namespaced',
          verbs: textList(resource['verbs']),
          singular: textOf(resource['singularResource']),
          shortNames: textList(resource['shortNames']),
        });
      }
    }
  }
}

async function readGroups(
  client: Client,
  answer: Fields,
  into: { readonly resources: DiscoveredResource[]; readonly failures: Map<string, string> },
): Promise<void> {
  const core = textList(answer['versions']).map((version) => ({
    path: `/api/${version}`,
    name: version,
  }));
  const groups = fieldsList(answer['groups']).flatMap((group) =>
    fieldsList(group['versions']).map((version) => textOf(version['groupVersion'])),
  );
  const named = groups.map((name) => ({ path: `/apis/${name}`, name }));
  for (const { path, name } of [...core, ...named]) {
    try {
      const list = parse(await client.raw('GET', path));
      const { group, version } = parseApiVersion(name);
      for (const resource of fieldsList(list['resources'])) {
        const plural = textOf(resource['name']);
        if (plural.includes('/')) continue;
        const namespaced = resource['namespaced'] === true;
        const verbs = textList(resource['verbs']);
        into.resources.push({
          group,
          version,
          kind: textOf(resource['kind']),
          plural,
          namespaced,
          verbs,
          singular: textOf(resource['singularName']),
          shortNames: textList(resource['shortNames']),
        });
      }
    } catch (error) {
      into.failures.set(name, error instanceof Error ? error.message : String(error));
    }
  }
}

/** The first version that serves a resource wins: servers list the preferred version first. */
function preferred(resources: readonly DiscoveredResource[]): DiscoveredResource[] {
  const first = new Map<string, DiscoveredResource>();
  for (const resource of resources) {
    const key = `${resource.plural}.${resource.group}`;
    if (!first.has(key)) first.set(key, resource);
  }
  return [...first.values()];
}

function parse(text: string): Fields {
  return fieldsOf(JSON.parse(text));
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}

function fieldsList(value: unknown): Fields[] {
  return Array.isArray(value) ? value.map(fieldsOf) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function textList(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
