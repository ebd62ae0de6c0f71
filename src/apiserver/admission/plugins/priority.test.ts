import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { PRIORITY_CLASSES } from '../targets.ts';
import { priority } from './priority.ts';

const pod = (spec: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'web' },
  spec: { containers: [], ...spec },
});

function bench(...classes: object[]): { run(pod: Pod, old?: Pod): Promise<string> } {
  const admission = new AdmissionBench();
  for (const one of classes) admission.reader.put(PRIORITY_CLASSES, one);
  return {
    run: (object, old) =>
      admission.run(priority(admission.services), {
        plural: 'pods',
        object,
        ...(old === undefined ? {} : { old, operation: 'UPDATE' }),
      }),
  };
}

const high = { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' };

describe('Priority', () => {
  it('is zero without a class', async () => {
    const object = pod();
    await bench().run(object);
    assert.deepEqual(
      [object.spec!.priority, object.spec!.preemptionPolicy, object.spec!.priorityClassName],
      [0, 'PreemptLowerPriority', undefined],
    );
  });
  it('comes from the class that the pod names', async () => {
    const object = pod({ priorityClassName: 'high' });
    await bench(high).run(object);
    assert.deepEqual([object.spec!.priority, object.spec!.preemptionPolicy], [1000, 'Never']);
  });
  it('comes from the lowest default class', async () => {
    const object = pod();
    await bench(
      { metadata: { name: 'b' }, value: 5, globalDefault: true, preemptionPolicy: 'Never' },
      { metadata: { name: 'a' }, value: 9, globalDefault: true, preemptionPolicy: 'Never' },
    ).run(object);
    assert.deepEqual([object.spec!.priorityClassName, object.spec!.priority], ['b', 5]);
  });
  it('refuses a class that is not there', async () => {
    assert.equal(
      await bench().run(pod({ priorityClassName: 'x' })),
      '403 pods "web" is forbidden: no PriorityClass with name x was found',
    );
  });
  it('refuses another number than that of the class', async () => {
    assert.match(
      await bench(high).run(pod({ priorityClassName: 'high', priority: 7 })),
      /the integer value of priority \(7\) must not be provided in pod spec; priority admission controller computed 1000/,
    );
    assert.match(
      await bench(high).run(
        pod({ priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' }),
      ),
      /the string value of PreemptionPolicy \(PreemptLowerPriority\) must not be provided/,
    );
  });
  it('stays when an update leaves it out', async () => {
    const object = pod();
    await bench().run(object, pod({ priority: 7, preemptionPolicy: 'Never' }));
    assert.deepEqual([object.spec!.priority, object.spec!.preemptionPolicy], [7, 'Never']);
  });
  it('has one default class at most', async () => {
    const admission = new AdmissionBench();
    admission.reader.put(PRIORITY_CLASSES, {
      metadata: { name: 'a' },
      value: 1,
      globalDefault: true,
    });
    const asked = (name: string, operation: 'CREATE' | 'UPDATE'): Promise<string> =>
      admission.run(priority(admission.services), {
        group: 'scheduling.k8s.io',
        plural: 'priorityclasses',
        namespaced: false,
        operation,
        object: { metadata: { name }, value: 2, globalDefault: true },
      });
    assert.match(
      await asked('b', 'CREATE'),
      /PriorityClass a is already marked as default. Only one default can exist$/,
    );
    assert.equal(await asked('a', 'UPDATE'), 'admitted');
  });
});
