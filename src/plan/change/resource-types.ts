/** Which resource an object belongs to, by the discovery of the fork's server. */
import { type KubeObject, parseApiVersion } from '#api/meta/object.ts';
import { isNotFound } from '#api/meta/status.ts';
import { sleep } from '#base/env.ts';
import type { ResourceType } from '#client/client.ts';
import type { Fork } from '../fork/fork.ts';

interface ResourceList {
  readonly resources: readonly {
    readonly name: string;
    readonly kind: string;
    readonly namespaced: boolean;
  }[];
}

/** A definition that was just made is served soon. */
const TRIES = 4;
const RETRY_MS = 500;

/** No resource of this kind is served. The message is kubectl's. */
export class NoMatchError extends Error {
  override readonly name = 'NoMatchError';
}

/** Rejects with NoMatchError. */
export async function typeOf(fork: Fork, object: KubeObject): Promise<ResourceType<KubeObject>> {
  const { apiVersion = '', kind = '' } = object;
  const { group, version } = parseApiVersion(apiVersion);
  for (let tries = 1; ; tries++) {
    const { resources } = await resourcesOf(fork, group, version);
    const found = resources.find((each) => each.kind === kind && !each.name.includes('/'));
    if (found !== undefined)
      return { group, version, kind, plural: found.name, namespaced: found.namespaced };
    if (tries === TRIES)
      throw new NoMatchError(`no matches for kind "${kind}" in version "${apiVersion}"`);
    await sleep(fork.environment, RETRY_MS);
  }
}

async function resourcesOf(fork: Fork, group: string, version: string): Promise<ResourceList> {
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  try {
    return JSON.parse(await fork.client.raw('GET', path)) as ResourceList;
  } catch (error) {
    if (isNotFound(error)) return { resources: [] };
    throw error;
  }
}
