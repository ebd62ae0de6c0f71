import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerState, ContainerStatus, Pod } from '#api/gen/core-v1.ts';
import { ago, row } from '../kind-test-kit.ts';
import { POD } from './pod.ts';

const RUNNING: ContainerState = { running: { startedAt: ago(60) } };

function status(
  name: string,
  state: ContainerState,
  more: Partial<ContainerStatus> = {},
): ContainerStatus {
  const ready = state.running !== undefined;
  return { name, ready, restartCount: 0, image: 'web', imageID: '', state, ...more };
}

function pod(parts: Partial<Pod['status']> & object, more: Pod = {}): Pod {
  return {
    metadata: { name: 'web', creationTimestamp: ago(3 * 3600), ...more.metadata },
    spec: { containers: [{ name: 'main' }, { name: 'side' }], ...more.spec },
    status: { phase: 'Running', ...parts },
  };
}

const waiting = (reason: string): ContainerState => ({ waiting: { reason } });
const ended = (exitCode: number, reason?: string): ContainerState => ({
  terminated: { exitCode, ...(reason === undefined ? {} : { reason }) },
});
const READY = [{ type: 'Ready', status: 'True' }];
const both = (state: ContainerState): ContainerStatus[] => [
  status('main', state),
  status('side', state),
];
const init = (state: ContainerState): Pod['status'] & object => ({
  phase: 'Pending',
  initContainerStatuses: [status('setup', state)],
});
const WITH_INIT: Pod = {
  spec: { containers: [{ name: 'main' }], initContainers: [{ name: 'setup' }, { name: 'more' }] },
};

const TABLE: readonly (readonly [string, Pod, string, string])[] = [
  ['a pod without statuses', pod({ phase: 'Pending' }), '0/2', 'Pending'],
  ['a running pod', pod({ containerStatuses: both(RUNNING) }), '2/2', 'Running'],
  [
    'a container that crashes',
    pod({
      containerStatuses: [status('main', waiting('CrashLoopBackOff')), status('side', RUNNING)],
    }),
    '1/2',
    'CrashLoopBackOff',
  ],
  [
    'the first container with a reason, when several have one',
    pod({
      containerStatuses: [
        status('main', waiting('ErrImagePull')),
        status('side', waiting('CrashLoopBackOff')),
      ],
    }),
    '0/2',
    'ErrImagePull',
  ],
  [
    'an ended pod',
    pod({ phase: 'Succeeded', containerStatuses: both(ended(0, 'Completed')) }),
    '0/2',
    'Completed',
  ],
  [
    'an exit code without a reason',
    pod({ phase: 'Failed', containerStatuses: both(ended(3)) }),
    '0/2',
    'ExitCode:3',
  ],
  [
    'a signal without a reason',
    pod({ phase: 'Failed', containerStatuses: both({ terminated: { exitCode: 137, signal: 9 } }) }),
    '0/2',
    'Signal:9',
  ],
  [
    'a pod whose one container ended while the other is ready',
    pod({
      conditions: READY,
      containerStatuses: [status('main', ended(0, 'Completed')), status('side', RUNNING)],
    }),
    '1/2',
    'Running',
  ],
  [
    'a pod that is not ready because one container ended',
    pod({ containerStatuses: [status('main', ended(0, 'Completed')), status('side', RUNNING)] }),
    '1/2',
    'NotReady',
  ],
  ['the reason of the pod itself', pod({ phase: 'Failed', reason: 'Evicted' }), '0/2', 'Evicted'],
  [
    'a pod being deleted',
    pod({ containerStatuses: both(RUNNING) }, { metadata: { deletionTimestamp: ago(1) } }),
    '2/2',
    'Terminating',
  ],
  [
    'a pod on a lost node',
    pod({ reason: 'NodeLost' }, { metadata: { deletionTimestamp: ago(1) } }),
    '0/2',
    'Unknown',
  ],
  [
    'an ended pod being deleted',
    pod(
      { phase: 'Succeeded', containerStatuses: both(ended(0, 'Completed')) },
      { metadata: { deletionTimestamp: ago(1) } },
    ),
    '0/2',
    'Completed',
  ],
  ['an init container that runs', pod(init(RUNNING), WITH_INIT), '0/1', 'Init:0/2'],
  ['an init container that failed', pod(init(ended(1, 'Error')), WITH_INIT), '0/1', 'Init:Error'],
  [
    'an init container that waits for its image',
    pod(init(waiting('ImagePullBackOff')), WITH_INIT),
    '0/1',
    'Init:ImagePullBackOff',
  ],
  [
    'a gated pod',
    pod({
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
    }),
    '0/2',
    'SchedulingGated',
  ],
];

describe('the status of a pod', () => {
  for (const [name, object, ready, reason] of TABLE) {
    it(`of ${name} is ${reason}`, () => {
      const cells = row(POD, object);
      assert.deepEqual([cells['Ready'], cells['Status']], [ready, reason]);
    });
  }
});

describe('a row of a pod', () => {
  it('counts a running sidecar as a container', () => {
    const spec = {
      containers: [{ name: 'main' }],
      initContainers: [{ name: 'proxy', restartPolicy: 'Always' as const }],
    };
    const object = pod(
      {
        conditions: [{ type: 'Initialized', status: 'True' }],
        initContainerStatuses: [status('proxy', RUNNING, { started: true })],
        containerStatuses: [status('main', RUNNING)],
      },
      { spec },
    );
    assert.equal(row(POD, object)['Ready'], '2/2');
  });

  it('tells when the last restart was', () => {
    const last = { terminated: { exitCode: 1, finishedAt: ago(300) } };
    const containerStatuses = [
      status('main', RUNNING, { restartCount: 2, lastState: last }),
      status('side', RUNNING, { restartCount: 1 }),
    ];
    assert.equal(row(POD, pod({ containerStatuses }))['Restarts'], '3 (5m ago)');
    assert.equal(row(POD, pod({ containerStatuses: both(RUNNING) }))['Restarts'], '0');
  });

  it('has age, address, node and gates', () => {
    const spec = {
      containers: [],
      nodeName: 'n1',
      readinessGates: [{ conditionType: 'lb' }, { conditionType: 'dns' }],
    };
    const conditions = [{ type: 'lb', status: 'True' }];
    const cells = row(POD, pod({ podIPs: [{ ip: '10.0.0.1' }], conditions }, { spec }));
    assert.equal(cells['Age'], '3h');
    assert.equal(cells['IP'], '10.0.0.1');
    assert.equal(cells['Node'], 'n1');
    assert.equal(cells['Nominated Node'], '<none>');
    assert.equal(cells['Readiness Gates'], '1/2');
  });
});
