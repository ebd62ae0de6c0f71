import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod } from '#api/gen/core-v1.ts';
import { podQosClass } from './qos.ts';
import type { ResourceList } from './resources.ts';

const FULL = { cpu: '1', memory: '1Gi' };

const container = (requests: ResourceList = {}, limits: ResourceList = {}): Container => ({
  name: 'main',
  resources: { requests, limits },
});
const podOf = (...containers: Container[]): Pod => ({ spec: { containers } });

describe('podQosClass()', () => {
  const TABLE: readonly (readonly [string, Pod, string])[] = [
    ['no resources', podOf({ name: 'main' }), 'BestEffort'],
    ['requests of zero', podOf(container({ cpu: '0' })), 'BestEffort'],
    ['other resources only', podOf(container({ 'example.com/gpu': '1' })), 'BestEffort'],
    [
      'equal requests and limits in another notation',
      podOf(container({ cpu: '1000m', memory: '1024Mi' }, FULL)),
      'Guaranteed',
    ],
    ['requests below limits', podOf(container({ ...FULL, cpu: '500m' }, FULL)), 'Burstable'],
    ['a limit for one resource', podOf(container({ cpu: '1' }, { cpu: '1' })), 'Burstable'],
    [
      'one of two containers without limits',
      podOf(container(FULL, FULL), container()),
      'Burstable',
    ],
    [
      'an init container without limits',
      { spec: { containers: [container(FULL, FULL)], initContainers: [container()] } },
      'Burstable',
    ],
    [
      'resources of the whole pod',
      { spec: { containers: [container()], resources: { requests: FULL, limits: FULL } } },
      'Guaranteed',
    ],
    [
      'requests only, of the whole pod',
      { spec: { containers: [container(FULL, FULL)], resources: { requests: FULL } } },
      'Burstable',
    ],
  ];
  for (const [name, object, expected] of TABLE) {
    it(`is ${expected} for ${name}`, () => assert.equal(podQosClass(object), expected));
  }
});
