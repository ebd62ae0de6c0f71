import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { CPU_QUOTAS } from '../cgroups/cfs.ts';
import { sandboxConfig } from './sandbox-config.ts';

const pod: Pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u' },
  spec: {
    containers: [
      {
        name: 'main',
        resources: { requests: { cpu: '500m' }, limits: { cpu: '1', memory: '1Gi' } },
      },
    ],
    overhead: { cpu: '250m', memory: '64Mi' },
  },
};

describe('sandboxConfig()', () => {
  it('tells the runtime of the overhead apart from what the containers need', () => {
    const { linux } = sandboxConfig({
      pod,
      attempt: 0,
      dns: {
        clusterDomain: 'cluster.local',
        clusterDns: [],
        host: { servers: [], searches: [], options: [] },
      },
      logDirectory: '/logs',
      quotas: CPU_QUOTAS,
      cgroupParent: '/pods/u',
    });
    const cpuPeriod = 100_000;
    assert.deepEqual(linux?.resources, {
      cpuShares: 512,
      cpuPeriod,
      cpuQuota: 100_000,
      memoryLimitInBytes: 2 ** 30,
    });
    assert.deepEqual(linux?.overhead, {
      cpuShares: 256,
      cpuPeriod,
      cpuQuota: 25_000,
      memoryLimitInBytes: 64 * 2 ** 20,
    });
  });
});
