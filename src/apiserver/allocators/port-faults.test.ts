import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Service } from '#api/gen/core-v1.ts';
import { PortFaults } from './port-faults.ts';

type Entry = [nodePort: number, protocol?: 'TCP' | 'UDP'];

const service = (name: string, entries: Entry[], healthCheckNodePort = 0): Service => ({
  metadata: { name, namespace: 'default' },
  spec: {
    type: 'NodePort',
    ports: entries.map(([nodePort, protocol = 'TCP']) => ({ port: 80, nodePort, protocol })),
    healthCheckNodePort,
  },
});

describe('the node ports of Services', () => {
  type Row = [claim: string, services: Service[], faults: string[]];
  const twice = 'was assigned to multiple services; please recreate service';
  const rows: Row[] = [
    ['are sound', [service('a', [[30_080]]), service('b', [[30_081], [0]])], []],
    [
      'belong to the first that has them',
      [service('a', [[30_080]]), service('b', [[30_080]])],
      [`b PortAlreadyAllocated Port 30080 ${twice}`],
    ],
    [
      'whatever the protocol',
      [service('a', [[30_053]]), service('b', [[30_053, 'UDP']])],
      [`b PortAlreadyAllocated Port 30053 ${twice}`],
    ],
    ['may be of two protocols in one', [service('a', [[30_053], [30_053, 'UDP']])], []],
    [
      'but not twice of one, as a port of health checks is',
      [service('a', [[30_053]], 30_053)],
      [`a PortAlreadyAllocated Port 30053 ${twice}`],
    ],
    [
      'lie in the range',
      [service('a', [[80]])],
      [
        'a PortOutOfRange Port 80 is not within the port range 30000-32767; please recreate service',
      ],
    ],
  ];
  for (const [claim, services, expected] of rows) {
    it(claim, () => {
      const faults = new PortFaults({ from: 30_000, to: 32_767 });
      assert.deepEqual(
        services
          .flatMap((one) => faults.of(one))
          .map(({ about, reason, message }) => `${about.metadata?.name} ${reason} ${message}`),
        expected,
      );
    });
  }
});
