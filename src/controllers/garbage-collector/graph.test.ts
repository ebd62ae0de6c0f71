/** Which objects the graph of owners asks to look at. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { KubeObject, ObjectMeta, OwnerReference } from '#api/meta/object.ts';
import type { ResourceType } from '#client/client.ts';
import { Graph } from './graph.ts';

const POD: ResourceType<KubeObject> = {
  group: '',
  version: 'v1',
  kind: 'Pod',
  plural: 'pods',
  namespaced: true,
};
const SET: ResourceType<KubeObject> = {
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  namespaced: true,
};

function owner(name: string, change: Partial<OwnerReference> = {}): OwnerReference {
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', name, uid: name, ...change };
}

function object(name: string, change: Partial<ObjectMeta> = {}): KubeObject {
  return { metadata: { name, uid: name, namespace: 'default', ...change } };
}

function world(): { graph: Graph; said: string[] } {
  const said: string[] = [];
  const graph = new Graph({
    check: (uid) => said.push(`check ${uid}`),
    orphan: (uid) => said.push(`orphan ${uid}`),
    absent: (node) => said.push(`absent ${node.uid}`),
    invalidNamespace: (dependent) => said.push(`invalid ${dependent.uid}`),
  });
  return { graph, said };
}

const DELETED = '2026-01-01T00:00:00Z';

describe('Graph', () => {
  it('suspects nobody before all kinds are listed, then those without their owner', () => {
    const { graph, said } = world();
    graph.observe(POD, object('pod', { ownerReferences: [owner('set')] }));
    graph.observe(POD, object('lost', { ownerReferences: [owner('gone')] }));
    graph.observe(SET, object('set'));
    assert.deepEqual(said, []);
    graph.complete();
    assert.deepEqual(said, ['check lost']);
  });

  it('asks for the dependents of what is gone', () => {
    const { graph, said } = world();
    graph.observe(SET, object('set'));
    graph.observe(POD, object('pod', { ownerReferences: [owner('set')] }));
    graph.complete();
    graph.remove('set');
    assert.deepEqual(said, ['absent set', 'check pod']);
  });

  it('asks for dependents and owner when the owner goes in the foreground', () => {
    const { graph, said } = world();
    graph.observe(SET, object('set'));
    graph.observe(
      POD,
      object('pod', { ownerReferences: [owner('set', { blockOwnerDeletion: true })] }),
    );
    graph.complete();
    const going = object('set', { deletionTimestamp: DELETED, finalizers: ['foregroundDeletion'] });
    graph.observe(SET, going);
    assert.deepEqual(said, ['check pod', 'check set']);
    assert.deepEqual(
      graph.blockingDependents('set').map(({ uid }) => uid),
      ['pod'],
    );
    graph.observe(SET, going);
    assert.equal(said.length, 2, 'said once');
    graph.remove('pod');
    assert.deepEqual(said.slice(2), ['check set']);
    assert.deepEqual(graph.blockingDependents('set'), []);
  });

  it('asks for the owner when a dependent stops to block it', () => {
    const { graph, said } = world();
    graph.observe(SET, object('set'));
    graph.observe(
      POD,
      object('pod', { ownerReferences: [owner('set', { blockOwnerDeletion: true })] }),
    );
    graph.complete();
    graph.observe(POD, object('pod', { ownerReferences: [owner('set')] }));
    graph.observe(
      POD,
      object('pod', { ownerReferences: [owner('set', { blockOwnerDeletion: true })] }),
    );
    graph.observe(POD, object('pod'));
    assert.deepEqual(said, ['check set', 'check set']);
  });

  it('orphans when that is asked for, and only once', () => {
    const { graph, said } = world();
    graph.complete();
    const going = object('set', { deletionTimestamp: DELETED, finalizers: ['orphan'] });
    graph.observe(SET, going);
    graph.observe(SET, going);
    assert.deepEqual(said, ['orphan set']);
  });

  it('suspects references with another name, kind or namespace than their owner has', () => {
    const rows: readonly [
      change: Partial<OwnerReference>,
      namespace: string,
      expected: readonly string[],
    ][] = [
      [{}, 'default', []],
      [{ name: 'other' }, 'default', ['check pod']],
      [{ kind: 'Deployment' }, 'default', ['check pod']],
      [{ apiVersion: 'apps/v9' }, 'default', []],
      [{}, 'elsewhere', ['invalid pod', 'check pod']],
    ];
    for (const [change, namespace, expected] of rows) {
      const { graph, said } = world();
      graph.observe(SET, object('set'));
      graph.complete();
      graph.observe(POD, object('pod', { namespace, ownerReferences: [owner('set', change)] }));
      assert.deepEqual(said, expected);
    }
  });

  it('looks again at dependents that were there before their owner', () => {
    const { graph, said } = world();
    graph.complete();
    graph.observe(POD, object('pod', { ownerReferences: [owner('set', { name: 'other' })] }));
    graph.observe(SET, object('set'));
    assert.deepEqual(said, ['check pod', 'check pod']);
  });
});
