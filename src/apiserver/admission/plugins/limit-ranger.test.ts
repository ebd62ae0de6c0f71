import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdmissionBench } from '#kit/admission.ts';
import type { Container, LimitRangeItem, Pod } from '#api/gen/core-v1.ts';
import { LIMIT_RANGES } from '../targets.ts';
import { limitRanger } from './limit-ranger.ts';

const container = (name: string, resources: Container['resources'] = {}): Container => ({
  name,
  resources,
});
const pod = (...containers: Container[]): Pod => ({
  metadata: { name: 'web' },
  spec: { containers },
});

function run(limits: LimitRangeItem[], object: object, plural = 'pods'): Promise<string> {
  const bench = new AdmissionBench();
  bench.reader.put(LIMIT_RANGES, {
    metadata: { namespace: 'default', name: 'l' },
    spec: { limits },
  });
  return bench.run(limitRanger(bench.services), { plural, object });
}

describe('LimitRanger', () => {
  it('fills in what containers leave open, and says so', async () => {
    const object = pod(container('a'), container('b', { limits: { cpu: '1' } }));
    const limit: LimitRangeItem = {
      type: 'Container',
      default: { cpu: '500m', memory: '1Gi' },
      defaultRequest: { cpu: '100m' },
    };
    assert.equal(await run([limit], object), 'admitted');
    assert.deepEqual(
      object.spec!.containers.map(({ resources }) => resources),
      [
        { requests: { cpu: '100m' }, limits: { cpu: '500m', memory: '1Gi' } },
        { requests: { cpu: '100m' }, limits: { cpu: '1', memory: '1Gi' } },
      ],
    );
    assert.equal(
      object.metadata!.annotations!['kubernetes.io/limit-ranger'],
      'LimitRanger plugin set: cpu request for container a; cpu, memory limit for container a; cpu request for container b; memory limit for container b',
    );
  });

  const rows: [
    name: string,
    limit: Omit<LimitRangeItem, 'type'>,
    resources: Container['resources'],
    message: string,
  ][] = [
    [
      'less than the least',
      { min: { cpu: '100m' } },
      { requests: { cpu: '50m' } },
      'minimum cpu usage per Container is 100m, but request is 50m',
    ],
    [
      'nothing where there is a least',
      { min: { cpu: '100m' } },
      {},
      'minimum cpu usage per Container is 100m.  No request is specified',
    ],
    [
      'more than the most',
      { max: { memory: '1Gi' } },
      { limits: { memory: '2048Mi' } },
      'maximum memory usage per Container is 1Gi, but limit is 2Gi',
    ],
    [
      'no limit where there is a most',
      { max: { memory: '1Gi' } },
      {},
      'maximum memory usage per Container is 1Gi.  No limit is specified',
    ],
    [
      'a limit too far above the request',
      { maxLimitRequestRatio: { cpu: '2' } },
      { requests: { cpu: '100m' }, limits: { cpu: '250m' } },
      'cpu max limit to request ratio per Container is 2, but provided ratio is 2.500000',
    ],
  ];
  for (const [name, limit, resources, message] of rows) {
    it(`refuses ${name}`, async () => {
      const outcome = await run([{ type: 'Container', ...limit }], pod(container('a', resources)));
      assert.equal(outcome, `403 pods "web" is forbidden: ${message}`);
    });
  }

  it('tells all that is wrong', async () => {
    const limit: LimitRangeItem = { type: 'Container', min: { cpu: '1' }, max: { memory: '1Gi' } };
    assert.equal(
      await run([limit], pod(container('a'))),
      '403 pods "web" is forbidden: [minimum cpu usage per Container is 1.  No request is specified, maximum memory usage per Container is 1Gi.  No limit is specified]',
    );
  });

  it('adds up the containers of a pod, init containers by the greatest', async () => {
    const limit: LimitRangeItem = { type: 'Pod', max: { cpu: '1' } };
    const half = { requests: { cpu: '500m' }, limits: { cpu: '500m' } };
    const fits = pod(container('a', half), container('b', half));
    fits.spec!.initContainers = [container('i', { limits: { cpu: '1' } }), container('j', half)];
    assert.equal(await run([limit], fits), 'admitted');
    fits.spec!.initContainers = [container('i', { limits: { cpu: '1200m' } })];
    assert.match(await run([limit], fits), /maximum cpu usage per Pod is 1, but limit is 1200m$/);
    fits.spec!.initContainers = [{ ...container('side', half), restartPolicy: 'Always' }];
    assert.match(await run([limit], fits), /maximum cpu usage per Pod is 1, but limit is 1500m$/);
  });

  it('bounds claims by their requests', async () => {
    const limit: LimitRangeItem = {
      type: 'PersistentVolumeClaim',
      min: { storage: '1Gi' },
      max: { storage: '5Gi' },
    };
    const claim = (storage: string): object => ({
      metadata: { name: 'c' },
      spec: { resources: { requests: { storage } } },
    });
    assert.equal(await run([limit], claim('5Gi'), 'persistentvolumeclaims'), 'admitted');
    assert.match(
      await run([limit], claim('6Gi'), 'persistentvolumeclaims'),
      /maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 6Gi$/,
    );
  });
});
