import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { applyLabelKeys } from './label-keys.ts';

const labelSelector = { matchLabels: { app: 'web' } };

function pod(): Pod {
  const term = { topologyKey: 'zone', labelSelector: structuredClone(labelSelector) };
  return {
    metadata: { labels: { app: 'web', 'pod-template-hash': 'abc' } },
    spec: {
      containers: [],
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            { ...term, matchLabelKeys: ['pod-template-hash'], mismatchLabelKeys: ['app'] },
          ],
        },
      },
      topologySpreadConstraints: [
        {
          ...term,
          labelSelector: structuredClone(labelSelector),
          maxSkew: 1,
          whenUnsatisfiable: 'DoNotSchedule',
          matchLabelKeys: ['pod-template-hash', 'absent'],
        },
      ],
    },
  };
}

describe('applyLabelKeys()', () => {
  it('narrows selectors to the labels of the pod', () => {
    const object = pod();
    applyLabelKeys(object);
    const hash = { key: 'pod-template-hash', operator: 'In', values: ['abc'] };
    const anti =
      object.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
    assert.deepEqual(anti?.[0]?.labelSelector, {
      ...labelSelector,
      matchExpressions: [hash, { key: 'app', operator: 'NotIn', values: ['web'] }],
    });
    assert.deepEqual(object.spec?.topologySpreadConstraints?.[0]?.labelSelector, {
      ...labelSelector,
      matchExpressions: [hash],
    });
  });

  it('leaves terms without keys or selectors alone', () => {
    const object = pod();
    const [constraint] = object.spec?.topologySpreadConstraints ?? [];
    assert.ok(constraint);
    delete constraint.labelSelector;
    delete object.spec?.affinity;
    const before = structuredClone(object);
    applyLabelKeys(object);
    assert.deepEqual(object, before);
  });
});
