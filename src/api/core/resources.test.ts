import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, ContainerStatus, Pod, PodSpec, PodStatus } from '#api/gen/core-v1.ts';
import {
  isLimitedThroughout,
  type PodResourceOptions,
  podLimits,
  podRequests,
  type ResourceList,
} from './resources.ts';

const asks = (requests: ResourceList, name = 'main'): Container => ({
  name,
  resources: { requests },
});
const limited = (limits: ResourceList): Container => ({ name: 'main', resources: { limits } });
const sidecar = (container: Container): Container => ({ ...container, restartPolicy: 'Always' });

const runs = (
  requests: ResourceList,
  more: Partial<ContainerStatus> & { readonly limits?: ResourceList } = {},
): ContainerStatus => {
  const { limits, ...status } = more;
  const resources = { requests, ...(limits === undefined ? {} : { limits }) };
  return {
    name: 'main',
    ready: true,
    restartCount: 0,
    image: '',
    imageID: '',
    resources,
    ...status,
  };
};
const INFEASIBLE: PodStatus = {
  conditions: [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }],
};

interface Row {
  readonly claim: string;
  readonly spec: Partial<PodSpec>;
  readonly status?: PodStatus;
  readonly options?: PodResourceOptions;
  readonly expected: ResourceList;
}

const BOTH = {
  containers: [asks({ cpu: '1', memory: '1Gi' })],
  resources: { requests: { cpu: '4' } },
  overhead: { cpu: '250m' },
};
const STATUS = { useStatus: true };

const REQUESTS: readonly Row[] = [
  { claim: 'is empty for a pod that asks for nothing', spec: { containers: [] }, expected: {} },
  {
    claim: 'adds containers, or takes the greatest init container',
    spec: {
      containers: [asks({ cpu: '1' }), asks({ cpu: '500m' })],
      initContainers: [asks({ cpu: '3' }), asks({ memory: '1Gi' })],
    },
    expected: { cpu: '3', memory: '1Gi' },
  },
  {
    claim: 'lets a sidecar run beside the containers',
    spec: { containers: [asks({ cpu: '1' })], initContainers: [sidecar(asks({ cpu: '2' }))] },
    expected: { cpu: '3' },
  },
  {
    claim: 'lets a sidecar run beside the init containers after it',
    spec: {
      containers: [asks({ cpu: '200m' }), asks({ cpu: '300m' })],
      initContainers: [sidecar(asks({ cpu: '100m' })), asks({ cpu: '900m' })],
    },
    expected: { cpu: '1' },
  },
  {
    claim: 'does not count a sidecar beside the init containers before it',
    spec: {
      containers: [asks({ cpu: '1' })],
      initContainers: [asks({ cpu: '4' }), sidecar(asks({ cpu: '2' }))],
    },
    expected: { cpu: '4' },
  },
  {
    claim: 'takes what the whole pod asks for, and adds overhead',
    spec: BOTH,
    expected: { cpu: '4250m', memory: '1Gi' },
  },
  {
    claim: 'leaves overhead out on request',
    spec: BOTH,
    options: { excludeOverhead: true },
    expected: { cpu: '4', memory: '1Gi' },
  },
  {
    claim: 'takes compute resources only from the whole pod',
    spec: { containers: [], resources: { requests: { 'hugepages-2Mi': '2Mi', disk: '1' } } },
    expected: { 'hugepages-2Mi': '2Mi' },
  },
  {
    claim: 'counts each container that asks for nothing as told, but not a zero',
    spec: { containers: [asks({}), asks({ memory: '1' }), asks({ cpu: '0' })] },
    options: { missing: { cpu: '100m' } },
    expected: { cpu: '200m', memory: '1' },
  },
  {
    claim: 'looks at the specification alone by default',
    spec: { containers: [asks({ cpu: '1' })] },
    status: { containerStatuses: [runs({ cpu: '2' })] },
    expected: { cpu: '1' },
  },
  {
    claim: 'counts what runs while a resize is not done',
    spec: { containers: [asks({ cpu: '1' })] },
    status: { containerStatuses: [runs({ cpu: '2' })] },
    options: STATUS,
    expected: { cpu: '2' },
  },
  {
    claim: 'counts what is allocated but does not run yet',
    spec: { containers: [asks({ cpu: '1' })] },
    status: { containerStatuses: [runs({ cpu: '2' }, { allocatedResources: { cpu: '3' } })] },
    options: STATUS,
    expected: { cpu: '3' },
  },
  {
    claim: 'does not count what a resize asks for that cannot be met',
    spec: { containers: [asks({ cpu: '9' })] },
    status: { ...INFEASIBLE, containerStatuses: [runs({ cpu: '2' })] },
    options: STATUS,
    expected: { cpu: '2' },
  },
  {
    claim: 'looks at the status of sidecars, not of init containers that end',
    spec: {
      containers: [],
      initContainers: [sidecar(asks({ cpu: '1' }, 'side')), asks({ cpu: '1' }, 'first')],
    },
    status: {
      initContainerStatuses: [
        runs({ cpu: '2' }, { name: 'side' }),
        runs({ cpu: '8' }, { name: 'first' }),
      ],
    },
    options: STATUS,
    expected: { cpu: '3' },
  },
  {
    claim: 'counts what the whole pod has while it is resized',
    spec: { containers: [], resources: { requests: { cpu: '1' } } },
    status: { resources: { requests: { cpu: '2' } }, allocatedResources: { cpu: '3' } },
    options: STATUS,
    expected: { cpu: '3' },
  },
];

const LIMITS: readonly Row[] = [
  {
    claim: 'adds overhead to what is limited only',
    spec: { containers: [limited({ cpu: '1' })], overhead: { cpu: '1', memory: '1Gi' } },
    expected: { cpu: '2' },
  },
  {
    claim: 'leaves overhead out on request',
    spec: { containers: [limited({ cpu: '1' })], overhead: { cpu: '1' } },
    options: { excludeOverhead: true },
    expected: { cpu: '1' },
  },
  {
    claim: 'counts the limit that runs while a resize is not done, not what is allocated',
    spec: { containers: [limited({ cpu: '1' })] },
    status: {
      containerStatuses: [runs({}, { limits: { cpu: '2' }, allocatedResources: { cpu: '3' } })],
    },
    options: STATUS,
    expected: { cpu: '2' },
  },
];

for (const [name, sum, rows] of [
  ['podRequests()', podRequests, REQUESTS],
  ['podLimits()', podLimits, LIMITS],
] as const) {
  describe(name, () => {
    for (const { claim, spec, status, options, expected } of rows) {
      const pod: Pod = { spec: { containers: [], ...spec }, ...(status && { status }) };
      it(claim, () => assert.deepEqual(sum(pod, options), expected));
    }
  });
}

describe('isLimitedThroughout()', () => {
  const CPU = limited({ cpu: '1' });
  const NONE = limited({});
  const TABLE: readonly (readonly [claim: string, spec: PodSpec, expected: boolean])[] = [
    ['every container has a limit', { containers: [CPU, CPU] }, true],
    ['a container has none', { containers: [CPU, NONE] }, false],
    ['a limit of zero is none', { containers: [limited({ cpu: '0' })] }, false],
    ['an init container has none', { containers: [CPU], initContainers: [NONE] }, false],
    [
      'an init container runs beside a sidecar with one',
      { containers: [CPU], initContainers: [sidecar(CPU), NONE] },
      true,
    ],
    ['the pod has one', { containers: [NONE], resources: { limits: { cpu: '1' } } }, true],
  ];
  for (const [claim, spec, expected] of TABLE) {
    it(`is ${expected} when ${claim}`, () =>
      assert.equal(isLimitedThroughout({ spec }, 'cpu'), expected));
  }
});
