import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DeviceClass } from '#api/gen/resource-v1.ts';
import { mayBeDevices, ResourceNames } from './resource-names.ts';

function made(name: string, creationTimestamp: string, extendedResourceName?: string): DeviceClass {
  return {
    metadata: { name, creationTimestamp },
    spec: extendedResourceName === undefined ? {} : { extendedResourceName },
  };
}

const names = new ResourceNames([
  made('old', '2026-01-01T00:00:00Z', 'example.com/gpu'),
  made('new', '2026-01-02T00:00:00Z', 'example.com/gpu'),
  made('b', '2026-01-01T00:00:00Z', 'example.com/nic'),
  made('a', '2026-01-01T00:00:00Z', 'example.com/nic'),
  made('plain', '2026-01-01T00:00:00Z'),
]);

describe('the class of an extended resource', () => {
  const rows: [claim: string, resource: string, expected: string | undefined][] = [
    ['is the newest of those that name it', 'example.com/gpu', 'new'],
    ['is the first by name of those that are as new', 'example.com/nic', 'a'],
    ['has its own name in the implicit one', 'deviceclass.resource.kubernetes.io/plain', 'plain'],
    ['keeps the implicit one beside', 'deviceclass.resource.kubernetes.io/old', 'old'],
    ['is none where nobody names it', 'example.com/fpga', undefined],
  ];
  for (const [claim, resource, expected] of rows)
    it(claim, () => assert.equal(names.classOf(resource)?.metadata?.name, expected));

  it('is not asked for with resources that nodes have by themselves', () => {
    const all = ['cpu', 'memory', 'hugepages-2Mi', 'kubernetes.io/x', 'requests.example.com/x'];
    assert.deepEqual(all.filter(mayBeDevices), []);
    assert.deepEqual(
      ['example.com/gpu', 'deviceclass.resource.kubernetes.io/x'].filter(mayBeDevices).length,
      2,
    );
  });
});
