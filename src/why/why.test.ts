/** What is said of pods and namespaces in each state. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerState, ContainerStatus, Event, Node, Pod } from '#api/gen/core-v1.ts';
import { explainContainers } from './containers.ts';
import type { Explanation } from './explanation.ts';
import { explainNamespace } from './namespace.ts';
import { explainUnscheduled } from './scheduling.ts';
import { explainTerminating, heldByFinalizers } from './terminating.ts';

const NOW_MS = Date.parse('2026-03-01T12:00:00Z');

function status(state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    name: 'web',
    image: 'web:1',
    imageID: '',
    ready: false,
    restartCount: 0,
    state,
    ...more,
  };
}

function podOf(parts: {
  readonly metadata?: Pod['metadata'];
  readonly spec?: Partial<Pod['spec']>;
  readonly status?: Pod['status'];
}): Pod {
  return {
    metadata: { name: 'p', namespace: 'default', ...parts.metadata },
    spec: { containers: [], nodeName: 'n1', schedulerName: 'default-scheduler', ...parts.spec },
    status: { phase: 'Running', ...parts.status },
  };
}

function event(reason: string, message: string, fieldPath?: string, at = '11:00:00'): Event {
  return {
    metadata: { name: `${reason}${at}` },
    involvedObject: fieldPath === undefined ? {} : { fieldPath },
    reason,
    message,
    lastTimestamp: `2026-03-01T${at}Z`,
    reportingComponent: 'kubelet',
    reportingInstance: 'n1',
  };
}

/** The sentence, a line for each cause, and one for each remedy. */
function lines({ sentence, causes, remedies }: Explanation): string[] {
  return [
    sentence,
    ...causes.map(({ what, detail }) => `${what}: ${detail}`),
    ...remedies.map((text) => `> ${text}`),
  ];
}

describe('a pod that is not ready', () => {
  const terminated = { exitCode: 1, reason: 'Error' };
  const rows: [claim: string, Pod['status'], Event[], string[]][] = [
    [
      'has an image that cannot be pulled',
      {
        containerStatuses: [
          status({ waiting: { reason: 'ImagePullBackOff', message: 'Back-off pulling image' } }),
        ],
      },
      [
        event('Failed', 'older', 'spec.containers{web}', '10:00:00'),
        event('Failed', 'Failed to pull image "web:1": not found', 'spec.containers{web}'),
        event('Failed', 'of another', 'spec.containers{other}', '11:30:00'),
      ],
      [
        'Pod p is not ready because of container web.',
        'container web: ImagePullBackOff: Failed to pull image "web:1": not found',
        '> make the image web:1 available, or name another',
      ],
    ],
    [
      'asks for a ConfigMap that is not there',
      {
        containerStatuses: [
          status({
            waiting: { reason: 'CreateContainerConfigError', message: 'configmap "c" not found' },
          }),
        ],
      },
      [],
      [
        'Pod p is not ready because of container web.',
        'container web: CreateContainerConfigError: configmap "c" not found',
        '> create configmap c, or mark the reference optional',
      ],
    ],
    [
      'asks for a key that is not in a Secret',
      {
        containerStatuses: [
          status({
            waiting: {
              reason: 'CreateContainerConfigError',
              message: "couldn't find key user in Secret default/s",
            },
          }),
        ],
      },
      [],
      [
        'Pod p is not ready because of container web.',
        "container web: CreateContainerConfigError: couldn't find key user in Secret default/s",
        '> add the key user to Secret default/s',
      ],
    ],
    [
      'crashes',
      {
        containerStatuses: [
          status(
            { waiting: { reason: 'CrashLoopBackOff' } },
            { restartCount: 3, lastState: { terminated } },
          ),
        ],
      },
      [],
      [
        'Pod p is not ready because of container web.',
        'container web: CrashLoopBackOff after 3 restarts: exit code 1',
        '> see what it said before it ended: kubectl logs --previous -c web',
      ],
    ],
    [
      'uses too much memory',
      {
        containerStatuses: [
          status(
            { waiting: { reason: 'CrashLoopBackOff' } },
            {
              restartCount: 1,
              lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } },
              resources: { limits: { memory: '64Mi' } },
            },
          ),
        ],
      },
      [],
      [
        'Pod p is not ready because of container web.',
        'container web: CrashLoopBackOff after 1 restart: OOMKilled, exit code 137',
        '> raise the memory limit of container web, which is 64Mi',
      ],
    ],
    [
      'fails its readiness probe',
      { containerStatuses: [status({ running: {} }, { started: true })] },
      [event('Unhealthy', 'Readiness probe failed: 503', 'spec.containers{web}')],
      [
        'Pod p is not ready because of container web.',
        'container web: Readiness probe failed: 503',
        '> see why its readiness probe fails: kubectl logs -c web',
      ],
    ],
    [
      'has not passed its startup probe',
      { containerStatuses: [status({ running: {} }, { started: false })] },
      [],
      [
        'Pod p is not ready because of container web.',
        'container web: its startup probe has not succeeded yet',
      ],
    ],
    [
      'waits for an init container, and names no other',
      {
        initContainerStatuses: [
          status({ terminated: { exitCode: 0 } }, { name: 'first' }),
          status({ running: {} }, { name: 'second' }),
        ],
        containerStatuses: [status({ waiting: { reason: 'PodInitializing' } })],
      },
      [],
      [
        'Pod p is not ready because of init container second.',
        'init container second: still running',
      ],
    ],
    [
      'has a volume that cannot be mounted',
      {
        phase: 'Pending',
        containerStatuses: [status({ waiting: { reason: 'ContainerCreating' } })],
      },
      [event('FailedMount', 'MountVolume.SetUp failed for volume "v"')],
      [
        'Pod p has no containers yet: FailedMount on node n1.',
        'FailedMount: MountVolume.SetUp failed for volume "v"',
      ],
    ],
    [
      'is being started',
      {
        phase: 'Pending',
        containerStatuses: [status({ waiting: { reason: 'ContainerCreating' } })],
      },
      [],
      ['Pod p is Pending; its containers are being started on n1.'],
    ],
    [
      'has failed',
      {
        phase: 'Failed',
        reason: 'Evicted',
        message: 'The node was low on resource: memory.',
        containerStatuses: [status({ terminated })],
      },
      [],
      [
        'Pod p has failed: Evicted (The node was low on resource: memory.).',
        'container web: exit code 1',
      ],
    ],
  ];
  for (const [claim, podStatus, events, expected] of rows) {
    it(claim, () =>
      assert.deepEqual(lines(explainContainers(podOf({ status: podStatus }), events)), expected),
    );
  }

  it('waits for a readiness gate', () => {
    const pod = podOf({
      spec: { readinessGates: [{ conditionType: 'example.com/lb' }] },
      status: { containerStatuses: [status({ running: {} }, { ready: true })] },
    });
    assert.deepEqual(lines(explainContainers(pod, [])), [
      'Pod p is not ready because of readiness gate example.com/lb.',
      'readiness gate example.com/lb: nobody has set this condition',
    ]);
  });
  it('is ready after all, or done', () => {
    const conditions = [{ type: 'Ready', status: 'True' as const }];
    assert.deepEqual(lines(explainContainers(podOf({ status: { conditions } }), [])), [
      'Pod p is ready.',
    ]);
    assert.deepEqual(lines(explainContainers(podOf({ status: { phase: 'Succeeded' } }), [])), [
      'Pod p has done its work: all containers ended well.',
    ]);
  });
});

describe('a pod without a node', () => {
  const unscheduled = (parts: Parameters<typeof podOf>[0], ageMs = 0): string[] => {
    const { nodeName: _, ...spec } = podOf(parts).spec ?? { containers: [] };
    const creationTimestamp = new Date(NOW_MS - ageMs).toISOString();
    const pod = { ...podOf(parts), spec };
    return lines(
      explainUnscheduled({ ...pod, metadata: { ...pod.metadata, creationTimestamp } }, NOW_MS),
    );
  };
  it('has scheduling gates', () => {
    assert.deepEqual(unscheduled({ spec: { schedulingGates: [{ name: 'a' }, { name: 'b' }] } }), [
      'Pod p may not be scheduled yet: it has the scheduling gates a and b.',
      'scheduling gate a: whoever set it has to take it away',
      'scheduling gate b: whoever set it has to take it away',
    ]);
  });
  it('fits nowhere, as the scheduler said', () => {
    const message =
      '0/5 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint(s), 1 node(s) were unschedulable. no new claims to deallocate, preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.';
    const conditions = [{ type: 'PodScheduled', status: 'False' as const, message }];
    assert.deepEqual(unscheduled({ status: { conditions } }), [
      'Pod p fits none of 5 nodes: Insufficient cpu, node(s) had untolerated taint(s) and node(s) were unschedulable.',
      'Insufficient cpu: 1 of 5 nodes',
      'node(s) had untolerated taint(s): 3 of 5 nodes',
      'node(s) were unschedulable: 1 of 5 nodes',
      'preemption: 0/5 nodes are available: 5 Preemption is not helpful for scheduling.',
    ]);
  });
  it('has a scheduler that says nothing', () => {
    assert.deepEqual(unscheduled({ spec: { schedulerName: 'mine' } }, 10_000), [
      'Pod p waits for its turn to be scheduled.',
    ]);
    assert.deepEqual(unscheduled({ spec: { schedulerName: 'mine' } }, 300_000), [
      'Pod p has waited for 5m, and its scheduler, mine, has said nothing of it.',
      'scheduler mine: it may not run',
      '> see whether a scheduler of the name mine runs',
    ]);
  });
});

describe('a pod that is being deleted', () => {
  const READY: Node = {
    metadata: { name: 'n1' },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  };
  const deleted = (
    parts: Parameters<typeof podOf>[0],
    node: Node | undefined,
    deletionTimestamp = '2026-03-01T11:55:00Z',
  ): string[] => {
    const pod = podOf({ ...parts, metadata: { deletionTimestamp, ...parts.metadata } });
    return lines(explainTerminating({ pod, node, nowMs: NOW_MS }));
  };
  const running = { containerStatuses: [status({ running: {} })] };

  it('has time left', () => {
    assert.deepEqual(deleted({ status: running }, READY, '2026-03-01T12:00:20Z'), [
      'Pod p is being deleted and has 20s left to end by itself.',
      'container web: still running',
    ]);
  });
  it('is on a node that is gone, or does not answer', () => {
    assert.deepEqual(deleted({}, undefined).slice(0, 2), [
      'Pod p waits for the kubelet of node n1, which is not there any more.',
      'node n1: there is no such node',
    ]);
    const conditions = [
      {
        type: 'Ready',
        status: 'Unknown' as const,
        message: 'Kubelet stopped posting node status.',
      },
    ];
    const [sentence, cause, ...remedies] = deleted({}, { ...READY, status: { conditions } });
    assert.deepEqual(
      [sentence, cause],
      [
        'Pod p waits for the kubelet of node n1, which does not answer.',
        'node n1: Kubelet stopped posting node status.',
      ],
    );
    assert.ok(remedies.includes('> when it is off for good: kubectl delete node n1'));
  });
  it('has containers that do not end', () => {
    assert.deepEqual(deleted({ status: running }, READY), [
      'Pod p should have ended 5m ago; its kubelet has not confirmed the end of container web.',
      'container web: still running',
      '> see what node n1 says: kubectl describe node n1',
    ]);
  });
  it('is kept by a finalizer', () => {
    assert.deepEqual(deleted({ metadata: { finalizers: ['example.com/backup'] } }, READY), [
      'Pod p is deleted, and kept by a finalizer: example.com/backup.',
      'finalizer example.com/backup: whoever set it has to take it away',
      '> let whoever set example.com/backup finish; when it is gone for good, take the finalizer out of metadata.finalizers',
    ]);
  });
});

describe('other things that do not go away', () => {
  it('are kept by finalizers', () => {
    const object = { metadata: { name: 'x', finalizers: ['a', 'b'] } };
    assert.equal(
      heldByFinalizers('Widget', object).sentence,
      'Widget x is deleted, and kept by 2 finalizers: a and b.',
    );
  });
  it('are namespaces with something in them', () => {
    const message = 'Some resources are remaining: pods. has 1 resource instances';
    const explanation = explainNamespace({
      metadata: { name: 'shop', deletionTimestamp: '2026-03-01T11:00:00Z' },
      status: {
        conditions: [
          { type: 'NamespaceContentRemaining', status: 'True', message },
          { type: 'NamespaceDeletionContentFailure', status: 'False', message: 'fine' },
        ],
      },
    });
    assert.deepEqual(lines(explanation), [
      `Namespace shop is deleted, and something in it does not go: ${message}.`,
      `NamespaceContentRemaining: ${message}`,
      '> look at what is left: each object names what keeps it',
    ]);
  });
  it('are not namespaces that are active', () => {
    assert.deepEqual(lines(explainNamespace({ metadata: { name: 'shop' } })), [
      'Namespace shop is active.',
    ]);
  });
});
