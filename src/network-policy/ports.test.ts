import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NetworkPolicyPort } from '#api/gen/networking-v1.ts';
import { policyPodOf } from './pods.ts';
import { namedPortKeys, portRangeText, portsOf } from './ports.ts';

describe('portsOf', () => {
  const rows: [title: string, ports: NetworkPolicyPort[], ranges: string[], names: string[]][] = [
    ['TCP unless told', [{ port: 80 }], ['tcp . 80'], []],
    ['a range with both its ends', [{ port: 80, endPort: 90 }], ['tcp . 80-90'], []],
    ['a protocol alone', [{ protocol: 'SCTP' }], ['sctp . 0-65535'], []],
    ['a name', [{ protocol: 'UDP', port: 'dns' }], [], ['udp dns']],
    [
      'ranges that overlap or touch as one, protocol by protocol',
      [
        { port: 90, endPort: 99 },
        { port: 80, endPort: 95 },
        { protocol: 'UDP', port: 80 },
        { port: 100 },
        { port: 102 },
        { port: 85 },
      ],
      ['tcp . 80-100', 'tcp . 102', 'udp . 80'],
      [],
    ],
  ];
  for (const [title, ports, ranges, names] of rows) {
    it(`reads ${title}`, () => {
      const read = portsOf(ports);
      assert.deepEqual(read?.ranges.map(portRangeText), ranges);
      assert.deepEqual(
        read?.names.map(({ protocol, name }) => `${protocol} ${name}`),
        names,
      );
    });
  }

  it('is every port where none is named', () => {
    assert.equal(portsOf(undefined), undefined);
    assert.equal(portsOf([]), undefined);
  });
});

describe('namedPortKeys', () => {
  it('finds ports by name and protocol, in containers and sidecars', () => {
    const pod = policyPodOf({
      spec: {
        containers: [
          { name: 'a', ports: [{ name: 'main', containerPort: 80 }, { containerPort: 81 }] },
          { name: 'b', ports: [{ name: 'main', containerPort: 53, protocol: 'UDP' }] },
        ],
        initContainers: [
          { name: 'set-up', ports: [{ name: 'early', containerPort: 1 }] },
          {
            name: 'sidecar',
            restartPolicy: 'Always',
            ports: [{ name: 'side', containerPort: 90 }],
          },
        ],
      },
      status: { podIP: '10.0.0.1' },
    });
    const keys = (protocol: string, ...names: string[]): string[] =>
      pod === undefined
        ? []
        : namedPortKeys(
            pod,
            names.map((name) => ({ protocol, name })),
          );
    assert.deepEqual(keys('tcp', 'main', 'early', 'side', 'gone'), ['tcp . 80', 'tcp . 90']);
    assert.deepEqual(keys('udp', 'main', 'side'), ['udp . 53']);
  });
});
