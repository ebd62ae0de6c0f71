import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '#api/gen/core-v1.ts';
import { nonZeroRequests, requestsOf } from './resources.ts';

const MIB = 2 ** 20;

describe('requestsOf()', () => {
  it('gives CPU in thousandths and the rest in base units', () => {
    const requests = { cpu: '1500m', memory: '1Mi', 'example.com/gpu': '2' };
    const spec = { containers: [{ name: 'a', resources: { requests } }] };
    assert.deepEqual(requestsOf({ spec }), {
      cpu: 1500,
      memory: MIB,
      ephemeralStorage: 0,
      others: new Map([['example.com/gpu', 2]]),
    });
  });
});

describe('nonZeroRequests()', () => {
  it('assumes nothing more of a resource that some container of such a pod asks for', () => {
    const spec = {
      containers: [{ name: 'a', resources: { requests: { memory: '1Mi' } } }, { name: 'b' }],
      resources: { requests: { cpu: '1' } },
    };
    assert.deepEqual(nonZeroRequests({ spec }), { cpu: 1000, memory: MIB });
  });

  const rows: readonly (readonly [
    claim: string,
    spec: Partial<PodSpec>,
    ReturnType<typeof nonZeroRequests>,
  ])[] = [
    ['assumes something for each container', {}, { cpu: 200, memory: 400 * MIB }],
    ['adds overhead', { overhead: { cpu: '1' } }, { cpu: 1200, memory: 400 * MIB }],
    [
      'assumes nothing where the whole pod says what it asks for',
      { resources: { requests: { cpu: '1' } } },
      { cpu: 1000, memory: 400 * MIB },
    ],
  ];
  const containers = [{ name: 'a' }, { name: 'b' }];
  for (const [claim, spec, expected] of rows) {
    it(claim, () => assert.deepEqual(nonZeroRequests({ spec: { containers, ...spec } }), expected));
  }
});
