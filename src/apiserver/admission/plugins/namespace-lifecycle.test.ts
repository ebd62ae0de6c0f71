import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import { StatusError } from '#api/meta/status.ts';
import { Rounds } from '../admission.ts';
import { NAMESPACES } from '../targets.ts';
import { namespaceLifecycle } from './namespace-lifecycle.ts';

const namespace = (name: string, phase = 'Active'): object => ({
  metadata: { name },
  status: { phase },
});
const pod = { metadata: { name: 'web', namespace: 'shop' } };
const inShop = { plural: 'pods', namespace: 'shop', object: pod };

describe('NamespaceLifecycle', () => {
  it('lets objects into an active namespace', async () => {
    const bench = new AdmissionBench();
    bench.reader.put(NAMESPACES, namespace('shop'));
    assert.equal(await bench.run(namespaceLifecycle(bench.services), inShop), 'admitted');
  });

  it('answers 404 when there is no namespace', async () => {
    const bench = new AdmissionBench();
    assert.equal(
      await bench.run(namespaceLifecycle(bench.services), inShop),
      '404 namespaces "shop" not found',
    );
  });

  it('sees a namespace that the cache shows only after a wait', async () => {
    const bench = new AdmissionBench();
    bench.reader.beforeCatchUp = () => bench.reader.put(NAMESPACES, namespace('shop'));
    assert.equal(await bench.run(namespaceLifecycle(bench.services), inShop), 'admitted');
  });

  it('refuses new objects in a terminating namespace, and tells why', async () => {
    const bench = new AdmissionBench();
    bench.reader.put(NAMESPACES, namespace('shop', 'Terminating'));
    const admit = async (): Promise<void> =>
      namespaceLifecycle(bench.services).admit?.(bench.attributes(inShop), new Rounds());
    await assert.rejects(admit, (error) => {
      assert.ok(error instanceof StatusError);
      assert.equal(
        error.message,
        'pods "web" is forbidden: unable to create new content in namespace shop because it is being terminated',
      );
      assert.deepEqual(error.status.details?.causes, [
        {
          reason: 'NamespaceTerminating',
          message: 'namespace shop is being terminated',
          field: 'metadata.namespace',
        },
      ]);
      return true;
    });
  });

  it('lets objects of a terminating namespace be changed and deleted', async () => {
    const bench = new AdmissionBench();
    bench.reader.put(NAMESPACES, namespace('shop', 'Terminating'));
    const plugin = namespaceLifecycle(bench.services);
    assert.equal(await bench.run(plugin, { ...inShop, operation: 'UPDATE' }), 'admitted');
    assert.equal(await bench.run(plugin, { ...inShop, operation: 'DELETE' }), 'admitted');
  });

  it('does not believe the cache after a deletion was asked for', async () => {
    const bench = new AdmissionBench();
    bench.reader.put(NAMESPACES, namespace('shop'));
    const plugin = namespaceLifecycle(bench.services);
    const deletion = {
      plural: 'namespaces',
      namespaced: false,
      name: 'shop',
      operation: 'DELETE' as const,
    };
    assert.equal(await bench.run(plugin, deletion), 'admitted');
    bench.reader.beforeCatchUp = () =>
      bench.reader.put(NAMESPACES, namespace('shop', 'Terminating'));
    assert.match(await bench.run(plugin, inShop), /^403 .* because it is being terminated$/);
  });

  for (const name of ['default', 'kube-system', 'kube-public']) {
    it(`keeps the namespace ${name}`, async () => {
      const bench = new AdmissionBench();
      const deletion = {
        plural: 'namespaces',
        namespaced: false,
        name,
        operation: 'DELETE' as const,
      };
      const outcome = await bench.run(namespaceLifecycle(bench.services), deletion);
      assert.equal(
        outcome,
        `403 namespaces "${name}" is forbidden: this namespace may not be deleted`,
      );
    });
  }

  it('does not tell by a review of access whether a namespace exists', async () => {
    const bench = new AdmissionBench();
    const review = {
      group: 'authorization.k8s.io',
      plural: 'localsubjectaccessreviews',
      namespace: 'secret',
      object: {},
    };
    assert.equal(await bench.run(namespaceLifecycle(bench.services), review), 'admitted');
  });
});
