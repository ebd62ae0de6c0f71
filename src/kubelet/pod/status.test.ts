import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ContainerStatus, Pod, PodStatus } from '#api/gen/core-v1.ts';
import type { ProbeStates, StartFailure } from './container-status.ts';
import type { ObservedContainer, ObservedPod } from './observed.ts';
import { podStatus, type PodStatusInput } from './status.ts';
import { observedContainer } from '#kit/kubelet/observed.ts';
import { statusPatch } from './status-patch.ts';

const NOW = Date.parse('2026-01-02T03:04:05Z');
const READY: ProbeStates = { isStarted: () => true, isReady: () => true };
const POD: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u', generation: 3 },
  spec: {
    containers: [
      { name: 'b', image: 'i' },
      { name: 'a', image: 'i' },
    ],
  },
};

function container(name: string, more: Partial<ObservedContainer> = {}): ObservedContainer {
  return observedContainer({
    id: `id-${name}`,
    name,
    createdMs: NOW - 9000,
    startedMs: NOW - 8000,
    image: 'docker.io/library/i:latest',
    imageRef: 'sha256:1',
    ...more,
  });
}

function observed(containers: readonly ObservedContainer[]): ObservedPod {
  const sandbox = {
    id: 's',
    attempt: 0,
    ready: true,
    createdMs: 1,
    hostNetwork: false,
    ips: ['10.0.0.9'],
  };
  return { uid: 'u', name: 'p', namespace: 'n', sandboxes: [sandbox], containers };
}

function statusOf(more: Partial<PodStatusInput>): PodStatus {
  return podStatus({
    pod: POD,
    observed: observed([]),
    previous: {},
    failures: new Map(),
    probes: READY,
    terminal: false,
    hostIps: ['192.0.2.1'],
    nowMs: NOW,
    ...more,
  });
}

function condition(status: PodStatus, type: string) {
  const {
    status: value,
    reason,
    message,
  } = status.conditions?.find((one) => one.type === type) ?? {};
  return [value, reason, message];
}

describe('podStatus', () => {
  it('says what a pod waits for before it has a sandbox', () => {
    const status = statusOf({ observed: { ...observed([]), sandboxes: [] } });
    assert.equal(status.phase, 'Pending');
    assert.deepEqual(condition(status, 'PodReadyToStartContainers'), [
      'False',
      undefined,
      undefined,
    ]);
    assert.deepEqual(condition(status, 'Ready'), [
      'False',
      'ContainersNotReady',
      'containers with unready status: [b a]',
    ]);
    assert.deepEqual(
      status.containerStatuses?.map(({ name, state }) => [name, state]),
      [
        ['a', { waiting: { reason: 'ContainerCreating' } }],
        ['b', { waiting: { reason: 'ContainerCreating' } }],
      ],
    );
    assert.equal(status.startTime, '2026-01-02T03:04:05Z');
  });

  it('says Running and Ready, with addresses', () => {
    const status = statusOf({ observed: observed([container('a'), container('b')]) });
    assert.equal(status.phase, 'Running');
    assert.deepEqual(condition(status, 'Ready'), ['True', undefined, undefined]);
    assert.deepEqual([status.podIP, status.hostIP], ['10.0.0.9', '192.0.2.1']);
    assert.equal(status.containerStatuses?.[0]?.containerID, 'containerd://id-a');
    assert.equal(status.conditions?.[0]?.observedGeneration, 3);
  });

  it('is not ready while a readiness gate is not', () => {
    const pod: Pod = { ...POD, spec: { ...POD.spec!, readinessGates: [{ conditionType: 'x/y' }] } };
    const status = statusOf({ pod, observed: observed([container('a'), container('b')]) });
    const message = 'corresponding condition of pod readiness gate "x/y" does not exist.';
    assert.deepEqual(condition(status, 'Ready'), ['False', 'ReadinessGatesNotReady', message]);
    assert.deepEqual(condition(status, 'ContainersReady')[0], 'True');
  });

  it('keeps the time of a condition that did not change, and the conditions of others', () => {
    const old = '2020-01-01T00:00:00Z';
    const theirs = { type: 'x/y', status: 'True' };
    const pod: Pod = { ...POD, status: { conditions: [theirs] } };
    const previous = {
      conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: old }],
    };
    const status = statusOf({ pod, previous });
    assert.deepEqual(status.conditions?.[0], theirs);
    const times = status.conditions?.map(({ type, lastTransitionTime }) => [
      type,
      lastTransitionTime,
    ]);
    assert.deepEqual(
      times?.find(([type]) => type === 'PodScheduled'),
      ['PodScheduled', old],
    );
    assert.deepEqual(
      times?.find(([type]) => type === 'Ready'),
      ['Ready', '2026-01-02T03:04:05Z'],
    );
  });

  it('shows back-off as waiting, and the last exit', () => {
    const message = 'back-off 10s restarting failed container=a pod=p_n(u)';
    const failures = new Map<string, StartFailure>([
      ['a', { reason: 'CrashLoopBackOff', message }],
    ]);
    const exited = container('a', {
      state: 'exited',
      exitCode: 2,
      reason: 'Error',
      finishedMs: NOW,
    });
    const status = statusOf({ observed: observed([exited, container('b')]), failures });
    const [a] = status.containerStatuses ?? [];
    assert.deepEqual(a?.state, { waiting: { reason: 'CrashLoopBackOff', message } });
    assert.equal(a?.lastState?.terminated?.exitCode, 2);
    assert.equal(status.phase, 'Running');
  });

  it('succeeds or fails when nothing restarts', () => {
    const pod: Pod = { ...POD, spec: { ...POD.spec!, restartPolicy: 'Never' } };
    const done = (exitCode: number) =>
      statusOf({
        pod,
        observed: observed([
          container('a', { state: 'exited', exitCode }),
          container('b', { state: 'exited' }),
        ]),
      });
    assert.equal(done(0).phase, 'Succeeded');
    assert.deepEqual(condition(done(0), 'Ready'), ['False', 'PodCompleted', undefined]);
    assert.equal(done(1).phase, 'Failed');
    assert.deepEqual(condition(done(1), 'ContainersReady'), ['False', 'PodFailed', undefined]);
  });

  it('never leaves a terminal phase', () => {
    const pod: Pod = { ...POD, status: { phase: 'Failed', reason: 'Evicted' } };
    const status = statusOf({
      pod,
      previous: pod.status!,
      observed: observed([container('a'), container('b')]),
    });
    assert.deepEqual([status.phase, status.reason], ['Failed', 'Evicted']);
  });

  it('keeps the terminal phase that the API has, whatever it remembers itself', () => {
    const pod: Pod = { ...POD, status: { phase: 'Succeeded' } };
    const status = statusOf({ pod, observed: observed([container('a'), container('b')]) });
    assert.equal(status.phase, 'Succeeded');
  });

  it('is Pending while one container has not started yet', () => {
    assert.equal(statusOf({ observed: observed([container('a')]) }).phase, 'Pending');
  });

  it('fails a pod whose deadline has passed', () => {
    const override = { phase: 'Failed', reason: 'DeadlineExceeded', message: 'too long' } as const;
    const status = statusOf({ observed: observed([container('a'), container('b')]), override });
    assert.deepEqual([status.phase, status.reason], ['Failed', 'DeadlineExceeded']);
  });

  it('shows a container that vanished as terminated, and counts it', () => {
    const before: ContainerStatus = {
      name: 'a',
      ready: true,
      restartCount: 1,
      image: 'i',
      imageID: '',
      state: { running: { startedAt: '2026-01-01T00:00:00Z' } },
    };
    const status = statusOf({ previous: { containerStatuses: [before] } });
    const [a] = status.containerStatuses ?? [];
    assert.equal(a?.lastState?.terminated?.reason, 'ContainerStatusUnknown');
    assert.equal(a?.restartCount, 2);
  });

  it('waits with PodInitializing behind init containers', () => {
    const pod: Pod = {
      ...POD,
      spec: { ...POD.spec!, initContainers: [{ name: 'i', image: 'i' }] },
    };
    const status = statusOf({ pod, observed: observed([container('i')]) });
    assert.equal(status.containerStatuses?.[0]?.state?.waiting?.reason, 'PodInitializing');
    const message = 'containers with incomplete status: [i]';
    assert.deepEqual(condition(status, 'Initialized'), [
      'False',
      'ContainersNotInitialized',
      message,
    ]);
    const after = statusOf({
      pod,
      observed: observed([container('i', { state: 'exited', reason: 'Completed' })]),
    });
    assert.deepEqual(condition(after, 'Initialized'), ['True', undefined, undefined]);
    assert.equal(after.initContainerStatuses?.[0]?.ready, true);
  });
});

describe('statusPatch', () => {
  it('is nothing when nothing differs but forms of nothing', () => {
    const a: PodStatus = { phase: 'Running', conditions: [], message: '' };
    assert.equal(statusPatch(a, { phase: 'Running' }), undefined);
  });

  it('names what changed, removes what is gone, and leaves the rest', () => {
    const from: PodStatus = {
      phase: 'Pending',
      reason: 'Old',
      nominatedNodeName: 'theirs',
      podIPs: [{ ip: '10.0.0.1' }],
      conditions: [
        { type: 'Ready', status: 'False', reason: 'ContainersNotReady' },
        { type: 'x/y', status: 'True' },
      ],
    };
    const to: PodStatus = {
      phase: 'Running',
      podIPs: [{ ip: '10.0.0.2' }],
      conditions: [{ type: 'Ready', status: 'True' }],
    };
    assert.deepEqual(statusPatch(from, to), {
      phase: 'Running',
      reason: null,
      podIPs: [{ ip: '10.0.0.2' }, { $patch: 'delete', ip: '10.0.0.1' }],
      conditions: [{ reason: null, type: 'Ready', status: 'True' }],
    });
  });
});
