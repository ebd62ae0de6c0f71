/** Stories of the garbage collector and of kinds that come, change and go. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CUSTOM_RESOURCE_DEFINITION } from '#api/apiextensions/custom-resource-definition.ts';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { NAMESPACE } from '#api/core/namespace.ts';
import type { CustomResourceDefinition } from '#api/gen/apiextensions-v1.ts';
import type { ResourceType } from '#client/client.ts';
import type { KubeObject } from '#api/meta/object.ts';
import { TestCluster } from '#kit/cluster.ts';

const WIDGET: ResourceType<KubeObject> = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};

type Version = NonNullable<CustomResourceDefinition['spec']>['versions'][number];

const version = (name: string): Version => ({
  name,
  served: true,
  storage: true,
  schema: { openAPIV3Schema: { type: 'object' } },
});

const definition = (...versions: Version[]): CustomResourceDefinition => ({
  metadata: { name: 'widgets.example.com' },
  spec: {
    group: 'example.com',
    names: { plural: 'widgets', kind: 'Widget' },
    scope: 'Namespaced',
    versions,
  },
});

/** A ConfigMap that belongs to a Widget, and has outlived a look at what is served. */
async function owned(cluster: TestCluster): Promise<KubeObject> {
  await cluster.create(CUSTOM_RESOURCE_DEFINITION, definition(version('v1')));
  await cluster.settle();
  const widget = await cluster.create(WIDGET, {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'one', namespace: 'default' },
  });
  const uid = widget.metadata?.uid ?? '';
  const owner = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'one', uid };
  await cluster.create(CONFIG_MAP, {
    metadata: { name: 'mine', namespace: 'default', ownerReferences: [owner] },
  });
  await cluster.advance(61_000);
  assert.ok(await isThere(cluster));
  return widget;
}

/** Says what versions there are, and gives the collector time to find out. */
async function serve(cluster: TestCluster, ...versions: Version[]): Promise<void> {
  await cluster.patch(CUSTOM_RESOURCE_DEFINITION, definition(), { spec: { versions } });
  await cluster.advance(61_000);
}

async function isThere(cluster: TestCluster): Promise<boolean> {
  const maps = await cluster.list(CONFIG_MAP, 'default');
  return maps.some(({ metadata }) => metadata?.name === 'mine');
}

describe('the garbage collector', () => {
  it('keeps what belongs to objects whose kind gets a better version', async () => {
    const cluster = await TestCluster.start();
    const widget = await owned(cluster);
    await serve(cluster, version('v1'), { ...version('v2'), storage: false });
    assert.ok(await isThere(cluster));
    await cluster.delete(WIDGET, widget);
    await cluster.settle();
    assert.ok(!(await isThere(cluster)), 'it goes with its owner');
    await cluster.stop();
  });

  it('keeps what belongs to objects whose kind is not served for a while', async () => {
    const cluster = await TestCluster.start();
    const widget = await owned(cluster);
    const v2 = { ...version('v2'), storage: false };
    await serve(cluster, { ...version('v1'), served: false }, { ...v2, served: false });
    assert.ok(await isThere(cluster));
    // The owner goes as soon as its kind is there again, before the collector has seen it.
    await cluster.patch(CUSTOM_RESOURCE_DEFINITION, definition(), {
      spec: { versions: [version('v1'), v2] },
    });
    await cluster.advance(100);
    await cluster.delete(WIDGET, widget);
    await cluster.advance(100);
    assert.ok(await isThere(cluster), 'nobody watches');
    await cluster.advance(61_000);
    assert.ok(!(await isThere(cluster)), 'it goes with its owner');
    await cluster.stop();
  });

  it('leaves alone what has no namespace and an owner that has one, and does not try again', async () => {
    const cluster = await TestCluster.start();
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'gone', uid: 'no-such-uid' };
    await cluster.create(NAMESPACE, { metadata: { name: 'odd', ownerReferences: [owner] } });
    await cluster.advance(60_000);
    await cluster.get(NAMESPACE, 'odd');
    const states = cluster.manager?.states() ?? [];
    const collector = states.find(({ name }) => name === 'generic-garbage-collector');
    assert.ok(collector!.failures < 5);
    await cluster.stop();
  });
});
