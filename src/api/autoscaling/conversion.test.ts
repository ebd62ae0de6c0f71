import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type * as v2 from '#api/gen/autoscaling-v2.ts';
import { fromV2, toV2 } from './conversion.ts';

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };

const OBJECT: v2.HorizontalPodAutoscaler = {
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: { name: 'web', annotations: { mine: 'stays' } },
  spec: {
    scaleTargetRef,
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [
      {
        type: 'Pods',
        pods: {
          metric: { name: 'requests' },
          target: { type: 'AverageValue', averageValue: '10' },
        },
      },
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } },
      },
    ],
    behavior: {
      scaleDown: {
        stabilizationWindowSeconds: 60,
        selectPolicy: 'Max',
        policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }],
      },
    },
  },
  status: {
    currentReplicas: 2,
    desiredReplicas: 3,
    currentMetrics: [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 70, averageValue: '1' } },
      },
    ],
    conditions: [{ type: 'AbleToScale', status: 'True' }],
  },
};

describe('an autoscaler of v1', () => {
  it('has the CPU utilization as a field and all else in annotations', () => {
    const object = fromV2(OBJECT);
    assert.equal(object.spec?.targetCPUUtilizationPercentage, 60);
    assert.equal(object.status?.currentCPUUtilizationPercentage, 70);
    assert.deepEqual(Object.keys(object.metadata?.annotations ?? {}).toSorted(), [
      'autoscaling.alpha.kubernetes.io/behavior',
      'autoscaling.alpha.kubernetes.io/conditions',
      'autoscaling.alpha.kubernetes.io/current-metrics',
      'autoscaling.alpha.kubernetes.io/metrics',
      'mine',
    ]);
  });

  it('comes back as it was', () => assert.deepEqual(toV2(fromV2(OBJECT)), OBJECT));

  it('without a target gets one of 80 % of CPU', () => {
    const { spec } = toV2({ spec: { scaleTargetRef, maxReplicas: 3 } } as object);
    assert.deepEqual(spec?.metrics, [
      {
        type: 'Resource',
        resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
      },
    ]);
  });

  it('drops annotations that are not JSON', () => {
    const annotations = { 'autoscaling.alpha.kubernetes.io/metrics': '{' };
    const object = { metadata: { annotations }, spec: { scaleTargetRef, maxReplicas: 3 } };
    assert.equal(toV2(object).spec?.metrics?.length, 1);
  });
});
