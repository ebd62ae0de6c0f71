/** The legacy Endpoints object, world by world. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pod, service } from '#kit/builders.ts';
import { planEndpoints } from './endpoints.ts';

describe('planEndpoints', () => {
  it('separates ready and unready addresses of the same ports', () => {
    const pods = ['b ip=10.0.0.2', 'a ready ip=10.0.0.1', 'c ready ip=10.0.0.3 deleted'].map(pod);
    const { subsets, metadata } = planEndpoints(service(), pods, undefined);
    assert.deepEqual(
      subsets?.map(({ addresses, notReadyAddresses, ports }) => [
        addresses?.map(({ ip }) => ip),
        notReadyAddresses?.map(({ ip }) => ip),
        ports,
      ]),
      [[['10.0.0.1'], ['10.0.0.2'], [{ name: 'http', port: 8080, protocol: 'TCP' }]]],
    );
    assert.deepEqual(metadata?.labels, {
      team: 'shop',
      'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    });
  });

  it('puts ports with the same addresses into one subset', () => {
    const subject = service({
      ports: [
        { name: 'b', port: 81, protocol: 'TCP', targetPort: 8081 },
        { name: 'a', port: 80, protocol: 'TCP', targetPort: 8080 },
      ],
    });
    const { subsets } = planEndpoints(subject, [pod('a ready ip=10.0.0.1')], undefined);
    assert.deepEqual(
      subsets?.map(({ ports }) => ports?.map(({ name }) => name)),
      [['a', 'b']],
    );
  });

  it('keeps at most a thousand addresses, ready ones first, and says so', () => {
    const crowd = Array.from({ length: 1200 }, (_, i) =>
      pod(`p${i} ${i % 2 === 0 ? 'ready' : ''} ip=10.1.${Math.floor(i / 250)}.${i % 250}`),
    );
    const { subsets, metadata } = planEndpoints(service(), crowd, undefined);
    const [subset] = subsets ?? [];
    assert.deepEqual([subset?.addresses?.length, subset?.notReadyAddresses?.length], [600, 400]);
    assert.equal(metadata?.annotations?.['endpoints.kubernetes.io/over-capacity'], 'truncated');
  });

  it('leaves out ports that a Pod does not have', () => {
    const subject = service({
      ports: [{ name: 'x', port: 80, protocol: 'TCP', targetPort: 'nope' }],
    });
    assert.deepEqual(planEndpoints(subject, [pod('a ready ip=10.0.0.1')], undefined).subsets, []);
  });
});
