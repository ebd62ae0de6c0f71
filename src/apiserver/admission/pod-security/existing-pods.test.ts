import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { existingPodWarnings, PODS_MAX, prioritised } from './existing-pods.ts';

function pod(name: string, more: { bad?: boolean; owner?: string; runtime?: string } = {}): Pod {
  const { bad = false, owner, runtime } = more;
  return {
    metadata: {
      name,
      ...(owner === undefined
        ? {}
        : {
            ownerReferences: [
              {
                apiVersion: 'apps/v1',
                kind: 'ReplicaSet',
                name: 'x',
                uid: owner,
                controller: true,
              },
            ],
          }),
    },
    spec: {
      containers: [{ name: 'a' }],
      hostNetwork: bad,
      ...(runtime === undefined ? {} : { runtimeClassName: runtime }),
    },
  };
}

const BASELINE = { level: 'baseline', version: 'latest' } as const;
const HEAD =
  'existing pods in namespace "n" violate the new PodSecurity enforce level "baseline:latest"';

async function warned(pods: readonly Pod[], environment = new VirtualEnvironment()) {
  return environment.resolve(existingPodWarnings(environment, 'n', BASELINE, pods));
}

describe('warnings about pods that are there', () => {
  it('are none where all of them are allowed', async () => {
    assert.deepEqual(await warned([pod('a')]), []);
  });

  it('name the first of those with the same violations, in order', async () => {
    const privileged: Pod = {
      metadata: { name: 'z' },
      spec: { containers: [{ name: 'a', securityContext: { privileged: true } }] },
    };
    const bad = ['c', 'b', 'd'].map((name) => pod(name, { bad: true }));
    assert.deepEqual(await warned([...bad, privileged]), [
      HEAD,
      'b (and 2 other pods): host namespaces',
      'z: privileged',
    ]);
    assert.deepEqual(await warned(bad.slice(1)), [HEAD, 'b (and 1 other pod): host namespaces']);
  });

  it('are about so many pods at most', async () => {
    const pods = Array.from({ length: PODS_MAX + 1 }, (_, i) => pod(`p${i}`));
    pods[PODS_MAX] = pod('bad', { bad: true });
    assert.deepEqual(await warned(pods), [
      `new PodSecurity enforce level only checked against the first 3000 of 3001 existing pods`,
    ]);
    assert.deepEqual(await warned(pods.slice(1)), [HEAD, 'bad: host namespaces']);
  });

  it('take a second at most', async () => {
    const environment = new VirtualEnvironment();
    let nowMs = 0;
    const clock = { now: () => nowMs, monotonicMs: () => (nowMs += 100) };
    const pods = Array.from({ length: 20 }, (_, i) => pod(`p${i}`, { bad: true }));
    const warnings = await existingPodWarnings(
      { clock, timers: environment.timers },
      'n',
      BASELINE,
      pods,
    );
    assert.deepEqual(warnings, [
      'new PodSecurity enforce level only checked against the first 9 of 20 existing pods',
      HEAD,
      'p0 (and 8 other pods): host namespaces',
    ]);
  });
});

describe('pods that are there', () => {
  it('are looked at by their owners, without those of exempt runtime classes', () => {
    const pods = [
      pod('a1', { owner: 'a' }),
      pod('a2', { owner: 'a' }),
      pod('b1', { owner: 'b' }),
      pod('kata', { runtime: 'kata' }),
      pod('own'),
      pod('own2', { runtime: 'runc' }),
    ];
    assert.deepEqual(
      prioritised(pods, new Set(['kata'])).map(({ metadata }) => metadata?.name),
      ['a1', 'b1', 'own', 'own2', 'a2'],
    );
  });
});
