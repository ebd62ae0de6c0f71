/**
 * Empties a namespace: deletes what is in it, kind by kind, pods before everything else, so that
 * nothing a running pod depends on goes before it (KEP-5080).
 *
 * Upstream: pkg/controller/namespace/deletion/namespaced_resources_deleter.go, v1.36.
 */
import { POD } from '#api/core/pod.ts';
import type { Namespace } from '#api/gen/core-v1.ts';
import { isPodTerminal } from '#api/core/pod-helpers.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { isNotFound, isStatus } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import type { Client, DeleteOptions } from '#client/client.ts';
import { type DiscoveredResource, discover } from '#client/discovery.ts';
import type { Outcome } from './conditions.ts';

/** How long something with a finalizer is expected to take. */
const FINALIZER_ESTIMATE_SECONDS = 15;
const BACKGROUND: DeleteOptions = { propagationPolicy: 'Background' };

export interface EmptyResult extends Outcome {
  /** Seconds until it is worth to look again; 0 when nothing is left. */
  readonly estimateSeconds: number;
}

class Tally {
  readonly discoveryFailures = new Map<string, string>();
  readonly contentErrors: string[] = [];
  readonly remaining = new Map<string, number>();
  readonly finalizers = new Map<string, number>();
  estimateSeconds = 0;
}

/** Tries to delete everything in `namespace`. Failures are in the result, not thrown. */
export async function emptyNamespace(
  client: Client,
  namespace: Namespace,
  nowMs: number,
): Promise<EmptyResult> {
  const tally = new Tally();
  const resources = await discoverInto(client, tally);
  const pods = resources.find(({ group, plural }) => group === '' && plural === 'pods');
  const work = { client, name: namespace.metadata?.name ?? '', tally };
  // Pods that nobody can find or delete still run: what protects them stays (CVE-2024-7598). Here
  // upstream goes on.
  if (pods === undefined && tally.discoveryFailures.size > 0) return tally;
  if (pods !== undefined) {
    const graceSeconds = await podGraceSeconds(work, namespace, nowMs);
    await deleteAll(work, pods, graceSeconds);
    if (tally.remaining.size > 0 || tally.contentErrors.length > 0) return tally;
  }
  for (const resource of resources) {
    if (resource !== pods) await deleteAll(work, resource, 0);
  }
  return tally;
}

async function discoverInto(client: Client, tally: Tally): Promise<DiscoveredResource[]> {
  try {
    const { resources, failures } = await discover(client);
    for (const [group, cause] of failures) tally.discoveryFailures.set(group, cause);
    return resources.filter(({ namespaced, verbs }) => namespaced && verbs.includes('delete'));
  } catch (error) {
    tally.discoveryFailures.set('discovery', messageOf(error));
    return [];
  }
}

interface Work {
  readonly client: Client;
  readonly name: string;
  readonly tally: Tally;
}

/** The longest termination grace of a pod that still runs; 0 once it should be over. */
async function podGraceSeconds(
  { client, name }: Work,
  namespace: Namespace,
  nowMs: number,
): Promise<number> {
  const pods = await client.list(POD, { namespace: name });
  const grace = pods.items
    .filter((pod) => !isPodTerminal(pod))
    .map((pod) => pod.spec?.terminationGracePeriodSeconds ?? 0);
  const longest = Math.max(0, ...grace);
  const sinceMs = nowMs - Date.parse(namespace.metadata?.deletionTimestamp ?? '');
  return sinceMs >= longest * 1000 ? 0 : longest;
}

async function deleteAll(
  work: Work,
  resource: DiscoveredResource,
  graceSeconds: number,
): Promise<void> {
  const { tally } = work;
  try {
    const before = await listAll(work, resource);
    if (before.length === 0) return;
    await deleteCollection(work, resource, before);
    const left = await listAll(work, resource);
    if (left.length === 0) return;
    tally.remaining.set(`${resource.plural}.${resource.group}`, left.length);
    const withFinalizers = count(left, tally.finalizers);
    if (graceSeconds > 0) raise(tally, graceSeconds);
    else if (withFinalizers) raise(tally, FINALIZER_ESTIMATE_SECONDS);
    else {
      const { group, version, plural } = resource;
      const name = `${group}/${version}, Resource=${plural}`;
      throw new Error(`unexpected items still remain in namespace: ${work.name} for gvr: ${name}`);
    }
  } catch (error) {
    raise(tally, graceSeconds);
    tally.contentErrors.push(messageOf(error));
  }
}

async function deleteCollection(
  { client, name }: Work,
  resource: DiscoveredResource,
  objects: readonly KubeObject[],
): Promise<void> {
  if (resource.verbs.includes('deletecollection')) {
    await client
      .deleteCollection(resource, { namespace: name }, BACKGROUND)
      .catch(ignoreUnsupported);
    return;
  }
  for (const { metadata } of objects) {
    const target = { name: metadata?.name ?? '', namespace: name };
    await client.delete(resource, target, BACKGROUND).catch(ignoreUnsupported);
  }
}

async function listAll(
  { client, name }: Work,
  resource: DiscoveredResource,
): Promise<KubeObject[]> {
  if (!resource.verbs.includes('list')) return [];
  try {
    return (await client.list(resource, { namespace: name, metadataOnly: true })).items;
  } catch (error) {
    ignoreUnsupported(error);
    return [];
  }
}

function ignoreUnsupported(error: unknown): void {
  if (!isNotFound(error) && !isStatus(error, 'MethodNotAllowed')) throw error;
}

/** Counts objects by finalizer; whether there was any. */
function count(objects: readonly KubeObject[], finalizers: Map<string, number>): boolean {
  let any = false;
  for (const finalizer of objects.flatMap(({ metadata }) => metadata?.finalizers ?? [])) {
    finalizers.set(finalizer, (finalizers.get(finalizer) ?? 0) + 1);
    any = true;
  }
  return any;
}

function raise(tally: Tally, seconds: number): void {
  tally.estimateSeconds = Math.max(tally.estimateSeconds, seconds);
}
