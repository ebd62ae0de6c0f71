import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { ago, NOW } from '../kind-test-kit.ts';
import {
  isPodActive,
  isPodAvailable,
  isPodTerminal,
  podQosClass,
  withCondition,
} from './pod-helpers.ts';
import { podLimits, podRequests } from './resources.ts';
import { firstUntolerated, tolerates } from './taints.ts';

type List = Record<string, string>;

const container = (
  requests: List,
  limits: List = {},
  more: Partial<Container> = {},
): Container => ({
  name: 'main',
  resources: { requests, limits },
  ...more,
});
const podOf = (...containers: Container[]): Pod => ({ spec: { containers } });

describe('podQosClass()', () => {
  const full = { cpu: '1', memory: '1Gi' };
  const TABLE: readonly (readonly [string, Pod, string])[] = [
    ['no resources', podOf(container({})), 'BestEffort'],
    ['requests of zero', podOf(container({ cpu: '0' })), 'BestEffort'],
    ['other resources only', podOf(container({ 'example.com/gpu': '1' })), 'BestEffort'],
    [
      'requests that equal limits',
      podOf(container(full, { cpu: '1000m', memory: '1Gi' })),
      'Guaranteed',
    ],
    ['requests below limits', podOf(container({ ...full, cpu: '500m' }, full)), 'Burstable'],
    ['a limit for one resource', podOf(container({ cpu: '1' }, { cpu: '1' })), 'Burstable'],
    [
      'one of two containers without limits',
      podOf(container(full, full), container({})),
      'Burstable',
    ],
    [
      'an init container without limits',
      { spec: { containers: [container(full, full)], initContainers: [container({})] } },
      'Burstable',
    ],
    [
      'resources of the whole pod',
      { spec: { containers: [container({})], resources: { requests: full, limits: full } } },
      'Guaranteed',
    ],
  ];
  for (const [name, object, expected] of TABLE) {
    it(`is ${expected} for ${name}`, () => assert.equal(podQosClass(object), expected));
  }
});

describe('podRequests()', () => {
  it('adds containers and takes the greatest init container', () => {
    const initContainers = [container({ cpu: '3' }), container({ memory: '1Gi' })];
    const spec = {
      containers: [container({ cpu: '1' }), container({ cpu: '500m' })],
      initContainers,
    };
    assert.deepEqual(podRequests({ spec }), { cpu: '3', memory: '1Gi' });
  });

  it('lets sidecars run beside all that starts after them', () => {
    const sidecar = container({ cpu: '1' }, {}, { restartPolicy: 'Always' });
    const spec = {
      containers: [container({ cpu: '1' })],
      initContainers: [sidecar, container({ cpu: '2' })],
    };
    assert.deepEqual(podRequests({ spec }), { cpu: '3' });
  });

  it('adds overhead, and takes what the pod as a whole asks for', () => {
    const spec = {
      containers: [container({ cpu: '1', memory: '1Gi' })],
      resources: { requests: { cpu: '4' } },
      overhead: { cpu: '250m' },
    };
    assert.deepEqual(podRequests({ spec }), { cpu: '4250m', memory: '1Gi' });
  });

  it('counts what runs while a resize is not done', () => {
    const object: Pod = {
      ...podOf(container({ cpu: '1' })),
      status: {
        containerStatuses: [
          {
            name: 'main',
            ready: true,
            restartCount: 0,
            image: '',
            imageID: '',
            resources: { requests: { cpu: '2' } },
          },
        ],
      },
    };
    assert.deepEqual(podRequests(object), { cpu: '1' });
    assert.deepEqual(podRequests(object, { useStatus: true }), { cpu: '2' });
  });
});

describe('podLimits()', () => {
  it('adds overhead to what is limited only', () => {
    const spec = {
      containers: [container({}, { cpu: '1' })],
      overhead: { cpu: '1', memory: '1Gi' },
    };
    assert.deepEqual(podLimits({ spec }), { cpu: '2' });
  });
});

describe('pods', () => {
  it('are available after they have been ready for a while', () => {
    const object: Pod = {
      status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: ago(10) }] },
    };
    assert.equal(isPodAvailable(object, 0, NOW), true);
    assert.equal(isPodAvailable(object, 10, NOW), true);
    assert.equal(isPodAvailable(object, 11, NOW), false);
    assert.equal(isPodAvailable({}, 0, NOW), false);
  });

  it('are active until they end or are being deleted', () => {
    assert.equal(isPodActive({ status: { phase: 'Running' } }), true);
    assert.equal(isPodActive({ metadata: { deletionTimestamp: ago(0) } }), false);
    assert.equal(isPodActive({ status: { phase: 'Succeeded' } }), false);
    assert.equal(isPodTerminal({ status: { phase: 'Failed' } }), true);
  });
});

describe('withCondition()', () => {
  const before = [{ type: 'Ready', status: 'True', lastTransitionTime: 'then' }];
  it('moves the time when the status changes only', () => {
    const same = withCondition(before, { type: 'Ready', status: 'True', reason: 'new' }, 'now');
    assert.equal(same[0]?.lastTransitionTime, 'then');
    const flipped = withCondition(before, { type: 'Ready', status: 'False' }, 'now');
    assert.equal(flipped[0]?.lastTransitionTime, 'now');
  });
  it('answers the same list when nothing changes', () => {
    assert.equal(withCondition(before, { type: 'Ready', status: 'True' }, 'now'), before);
  });
  it('adds what is new', () => {
    assert.deepEqual(
      withCondition(before, { type: 'More', status: 'True' }, 'now').map(({ type }) => type),
      ['Ready', 'More'],
    );
  });
});

describe('tolerates()', () => {
  const taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' as const };
  it('compares key, value and effect', () => {
    assert.equal(tolerates({ key: 'gpu', value: 'yes' }, taint), true);
    assert.equal(tolerates({ key: 'gpu', value: 'no' }, taint), false);
    assert.equal(tolerates({ key: 'gpu', operator: 'Exists' }, taint), true);
    assert.equal(tolerates({ operator: 'Exists' }, taint), true);
    assert.equal(tolerates({ operator: 'Exists', effect: 'NoExecute' }, taint), false);
    assert.equal(tolerates({ key: 'other', operator: 'Exists' }, taint), false);
  });
  it('leaves the first taint that nothing covers', () => {
    const other = { key: 'disk', effect: 'NoExecute' as const };
    const tolerations = [{ key: 'gpu', operator: 'Exists' as const }];
    assert.equal(firstUntolerated([taint, other], tolerations, ['NoSchedule', 'NoExecute']), other);
    assert.equal(firstUntolerated([taint, other], tolerations, ['NoSchedule']), undefined);
  });
});
