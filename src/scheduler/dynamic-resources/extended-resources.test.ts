import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container } from '#api/gen/core-v1.ts';
import { aPod } from '#kit/scheduler-world.ts';
import { extendedRequests } from './extended-resources.ts';

const GPU = 'example.com/gpu';
const NIC = 'example.com/nic';
const CLASSES = new Map([
  [GPU, 'gpu.example.com'],
  [NIC, 'nic.example.com'],
]);

const container = (
  name: string,
  requests: Record<string, string>,
  rest: object = {},
): Container => ({
  name,
  resources: { requests },
  ...rest,
});
const ALWAYS = { restartPolicy: 'Always' };

interface Row {
  readonly claim: string;
  readonly init?: Container[];
  readonly main: Container[];
  /** `name=class×count`. */
  readonly requests: string[];
  /** `container resource→request`. */
  readonly mappings: string[];
}

const rows: Row[] = [
  {
    claim: 'each container has devices of its own',
    main: [container('a', { [GPU]: '2' }), container('b', { [GPU]: '1' })],
    requests: [
      'container-0-request-0=gpu.example.com×2',
      'container-1-request-0=gpu.example.com×1',
    ],
    mappings: ['a gpu→container-0-request-0', 'b gpu→container-1-request-0'],
  },
  {
    claim: 'a resource has its place among all that the container asks for, by name',
    main: [container('a', { cpu: '1', [NIC]: '1', [GPU]: '1', memory: '1Gi' })],
    requests: [
      'container-0-request-1=gpu.example.com×1',
      'container-0-request-2=nic.example.com×1',
    ],
    mappings: ['a gpu→container-0-request-1', 'a nic→container-0-request-2'],
  },
  {
    claim: 'what asks for none, or for nothing, has none',
    main: [container('a', { [GPU]: '0' }), container('b', {})],
    requests: [],
    mappings: [],
  },
  {
    claim: 'an init container uses what later ones will have',
    init: [container('i', { [GPU]: '2' })],
    main: [container('a', { [GPU]: '1' }), container('b', { [GPU]: '1' })],
    requests: [
      'container-1-request-0=gpu.example.com×1',
      'container-2-request-0=gpu.example.com×1',
    ],
    mappings: [
      'a gpu→container-1-request-0',
      'b gpu→container-2-request-0',
      'i gpu→container-1-request-0',
      'i gpu→container-2-request-0',
    ],
  },
  {
    claim: 'an init container that needs more gets the rest, and such ones share it',
    init: [container('i', { [GPU]: '3' }), container('j', { [GPU]: '2' })],
    main: [container('a', { [GPU]: '1' })],
    requests: [
      'container-0-request-0=gpu.example.com×2',
      'container-2-request-0=gpu.example.com×1',
    ],
    mappings: [
      'a gpu→container-2-request-0',
      'i gpu→container-2-request-0',
      'i gpu→container-0-request-0',
      'j gpu→container-2-request-0',
      'j gpu→container-0-request-0',
    ],
  },
  {
    claim: 'a sidecar that runs already lends nothing to those after it',
    init: [container('s', { [GPU]: '1' }, ALWAYS), container('i', { [GPU]: '1' })],
    main: [container('a', {})],
    requests: [
      'container-0-request-0=gpu.example.com×1',
      'container-1-request-0=gpu.example.com×1',
    ],
    mappings: ['s gpu→container-0-request-0', 'i gpu→container-1-request-0'],
  },
];

describe('the claim of extended resources', () => {
  for (const { claim, init = [], main, requests, mappings } of rows)
    it(claim, () => {
      const pod = aPod('p', { initContainers: init, containers: main });
      const made = extendedRequests(pod, CLASSES);
      assert.deepEqual(
        made.requests.map(
          ({ name, exactly }) => `${name}=${exactly?.deviceClassName}×${exactly?.count}`,
        ),
        requests,
      );
      assert.deepEqual(
        made.mappings.map(
          ({ containerName, resourceName, requestName }) =>
            `${containerName} ${resourceName.split('/')[1]}→${requestName}`,
        ),
        mappings,
      );
    });
});
