/** Whom a budget asks how many Pods there should be. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { notFound } from '#api/meta/status.ts';
import type { Client } from '#client/client.ts';
import { pod } from '#kit/builders.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { Scales, type Workload } from './scale.ts';

const APPS = {
  resources: [
    { name: 'replicasets', kind: 'ReplicaSet' },
    { name: 'replicasets/scale', kind: 'Scale' },
  ],
};

interface World {
  /** `web-1 of web`: what the caches show, by name, with its controller. */
  readonly shown: Readonly<Record<string, Workload | null>>;
  /** What the server answers for the scale of `web-1`; without it there is none. */
  readonly live?: { readonly uid: string; readonly replicas: number };
}

/** What the controllers of a Pod of ReplicaSet `web-1` want; why not, when it cannot be told. */
async function asked({ shown, live }: World): Promise<number | string> {
  const raw = (_verb: string, path: string): Promise<string> => {
    if (!path.endsWith('/scale')) return Promise.resolve(JSON.stringify(APPS));
    const scale = { metadata: { uid: live?.uid }, spec: { replicas: live?.replicas } };
    const missing = notFound({ group: 'apps', resource: 'replicasets' }, 'web-1');
    return live === undefined ? Promise.reject(missing) : Promise.resolve(JSON.stringify(scale));
  };
  const scales = new Scales(({ name }) => shown[name], new VirtualEnvironment().clock);
  const a = pod('a');
  const owned = {
    ...a,
    metadata: { ...a.metadata, ownerReferences: [ref('ReplicaSet', 'web-1')] },
  };
  try {
    return (await scales.expected({ raw } as unknown as Client, [owned])).scale;
  } catch (error) {
    return String(error);
  }
}

const ref = (kind: string, name: string) =>
  ({ apiVersion: 'apps/v1', kind, name, uid: name, controller: true }) as const;

function workload(name: string, replicas: number, owner?: string): Workload {
  const ownerReferences = owner === undefined ? [] : [ref('Deployment', owner)];
  return { metadata: { name, uid: name, ownerReferences }, spec: { replicas } };
}

describe('Scales', () => {
  const set = workload('web-1', 2, 'web');
  const live = { uid: 'web-1', replicas: 3 };
  const unknown = 'UncountableError: found no controllers for pod "a"';
  const rows: readonly [claim: string, world: World, scale: number | string][] = [
    ['asks the Deployment', { shown: { 'web-1': set, web: workload('web', 5) } }, 5],
    ['asks a ReplicaSet of its own', { shown: { 'web-1': workload('web-1', 2) } }, 2],
    [
      'asks the server when the Deployment is gone',
      { shown: { 'web-1': set, web: null }, live },
      3,
    ],
    ['asks the server when the caches show nobody', { shown: { 'web-1': null }, live }, 3],
    ['finds nobody when both are gone', { shown: { 'web-1': null } }, unknown],
    [
      'takes no other of the same name',
      { shown: { 'web-1': null }, live: { uid: 'other', replicas: 3 } },
      unknown,
    ],
  ];
  for (const [claim, world, scale] of rows)
    it(claim, async () => assert.equal(await asked(world), scale));
});
