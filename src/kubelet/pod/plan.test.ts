import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, Pod, PodSpec } from '#api/gen/core-v1.ts';
import { containerHash } from './container-hash.ts';
import type { ObservedContainer, ObservedPod, ObservedSandbox } from './observed.ts';
import { planPod, type Verdicts } from './plan.ts';

/** `init! sidecar~ main`: containers of a pod; `!` an init container, `~` a sidecar. */
function podOf(text: string, spec: Partial<PodSpec> = {}): Pod {
  const initContainers: Container[] = [];
  const containers: Container[] = [];
  for (const word of text.split(' ')) {
    const name = word.replace(/[!~]$/, '');
    const container: Container = { name, image: 'image' };
    if (word.endsWith('~')) initContainers.push({ ...container, restartPolicy: 'Always' });
    else if (word.endsWith('!')) initContainers.push(container);
    else containers.push(container);
  }
  return { metadata: { uid: 'u' }, spec: { initContainers, containers, ...spec } };
}

const SANDBOX: ObservedSandbox = {
  id: 's0',
  attempt: 0,
  ready: true,
  createdMs: 1,
  hostNetwork: false,
  ips: ['10.0.0.1'],
};

/** `main running`, `main exit=1`, `main created`, `main unknown`, youngest first. */
function observe(lines: readonly string[], sandboxes = [SANDBOX]): ObservedPod {
  const containers = lines.map((line, i): ObservedContainer => {
    const [name = '', what = ''] = line.split(' ');
    const exit = /^exit=([0-9]+)$/.exec(what);
    return {
      id: `c${i}`,
      name,
      sandboxId: 's0',
      state: exit === null ? (what as ObservedContainer['state']) : 'exited',
      createdMs: 100 - i,
      startedMs: 100,
      finishedMs: 0,
      exitCode: Number(exit?.[1] ?? 0),
      reason: '',
      message: '',
      image: 'image',
      imageRef: 'image',
      hash: containerHash({ name, image: 'image' }),
      restartCount: 0,
      logPath: '',
    };
  });
  return { uid: 'u', name: 'p', namespace: 'n', sandboxes, containers };
}

const NO_PROBES: Verdicts = {
  liveness: () => undefined,
  startup: () => undefined,
  resized: new Set(),
};

type Row = [
  claim: string,
  pod: Pod,
  observed: ObservedPod,
  expected: { start?: string[]; kill?: string[]; killPod?: boolean; sandbox?: boolean },
];

describe('planPod', () => {
  const gone = [{ ...SANDBOX, ready: false }];
  const rows: Row[] = [
    [
      'makes a sandbox for a new pod and starts all',
      podOf('a b'),
      observe([], []),
      { sandbox: true, killPod: true, start: ['a', 'b'] },
    ],
    [
      'starts the first init container alone',
      podOf('i! j! a'),
      observe([], []),
      { sandbox: true, killPod: true, start: ['i'] },
    ],
    ['starts what is missing', podOf('a b'), observe(['a running']), { start: ['b'] }],
    ['keeps what runs', podOf('a'), observe(['a running']), {}],
    ['waits for an init container', podOf('i! a'), observe(['i running']), {}],
    [
      'starts the next init container after success',
      podOf('i! j! a'),
      observe(['i exit=0']),
      { start: ['j'] },
    ],
    [
      'starts the regular ones after the last init container',
      podOf('i! j! a'),
      observe(['j exit=0', 'i exit=0']),
      { start: ['a'] },
    ],
    [
      'believes the last init container when the earlier are forgotten',
      podOf('i! j! a'),
      observe(['j exit=0']),
      { start: ['a'] },
    ],
    ['restarts a failed init container', podOf('i! a'), observe(['i exit=1']), { start: ['i'] }],
    [
      'ends a pod whose init container failed for good',
      podOf('i! a', { restartPolicy: 'Never' }),
      observe(['i exit=1']),
      { killPod: true },
    ],
    [
      'starts the next after a sidecar runs',
      podOf('s~ a'),
      observe(['s running']),
      { start: ['a'] },
    ],
    [
      'restarts a sidecar beside running containers',
      podOf('s~ a'),
      observe(['s exit=0', 'a running']),
      { start: ['s'] },
    ],
    [
      'restarts an earlier sidecar while a later init container runs',
      podOf('s~ i! a'),
      observe(['i running', 's exit=1']),
      { start: ['s'] },
    ],
    [
      'lets sidecars end with the pod',
      podOf('s~ a', { restartPolicy: 'Never' }),
      observe(['a exit=0', 's running']),
      { killPod: true },
    ],
    ['restarts what ended, by default', podOf('a'), observe(['a exit=0']), { start: ['a'] }],
    [
      'restarts failures only, OnFailure',
      podOf('a b', { restartPolicy: 'OnFailure' }),
      observe(['a exit=0', 'b exit=1']),
      { start: ['b'] },
    ],
    [
      'ends when all succeeded, OnFailure',
      podOf('a', { restartPolicy: 'OnFailure' }),
      observe(['a exit=0']),
      { killPod: true },
    ],
    [
      'never restarts, Never',
      podOf('a b', { restartPolicy: 'Never' }),
      observe(['a exit=1', 'b running']),
      {},
    ],
    ['starts again what was only created', podOf('a'), observe(['a created']), { start: ['a'] }],
    [
      'kills what is unknown before starting it again',
      podOf('a'),
      observe(['a unknown']),
      { start: ['a'], kill: ['Container is in "unknown" state, try killing it before restart'] },
    ],
    [
      'makes the sandbox anew when it is gone',
      podOf('a'),
      observe(['a exit=0'], gone),
      { sandbox: true, killPod: true, start: ['a'] },
    ],
    [
      'starts over with init containers in a new sandbox',
      podOf('i! a'),
      observe(['a exit=0', 'i exit=0'], gone),
      { sandbox: true, killPod: true, start: ['i'] },
    ],
    [
      'makes no sandbox for what never restarts',
      podOf('a', { restartPolicy: 'Never' }),
      observe(['a exit=0'], gone),
      { killPod: true },
    ],
    [
      'makes the sandbox anew when it has no address',
      podOf('a'),
      observe([], [{ ...SANDBOX, ips: [] }]),
      { sandbox: true, killPod: true, start: ['a'] },
    ],
    [
      'needs no address on the host network',
      podOf('a', { hostNetwork: true }),
      observe(['a running'], [{ ...SANDBOX, ips: [], hostNetwork: true }]),
      {},
    ],
    [
      'restarts a container whose image changed',
      { ...podOf('a'), spec: { containers: [{ name: 'a', image: 'new' }] } },
      observe(['a running']),
      { start: ['a'], kill: ['Container a definition changed, will be restarted'] },
    ],
  ];
  for (const [claim, pod, observed, expected] of rows) {
    it(claim, () => {
      const plan = planPod(pod, observed, NO_PROBES);
      const got = {
        start: plan.starts.map(({ container }) => container.name),
        kill: plan.kills.map(({ message }) => message),
        killPod: plan.killPod,
        sandbox: plan.createSandbox,
      };
      assert.deepEqual(got, { start: [], kill: [], killPod: false, sandbox: false, ...expected });
    });
  }

  it('restarts a container that fails its liveness probe', () => {
    const probes: Verdicts = { ...NO_PROBES, liveness: (id) => id !== 'c0' };
    const plan = planPod(podOf('a'), observe(['a running']), probes);
    assert.deepEqual(
      plan.kills.map(({ message }) => message),
      ['Container a failed liveness probe, will be restarted'],
    );
  });

  it('starts no sidecar again in a pod that has ended', () => {
    const pod = podOf('s~ a', { restartPolicy: 'Never' });
    const probed = { ...pod.spec!.initContainers![0]!, livenessProbe: {} };
    const probes: Verdicts = { ...NO_PROBES, liveness: () => false };
    const ill = { ...pod, spec: { ...pod.spec!, initContainers: [probed] } };
    const plan = planPod(ill, observe(['a exit=0', 's running']), probes);
    assert.deepEqual([plan.killPod, plan.starts], [true, []]);
  });

  it('stops for good what fails its probe and never restarts', () => {
    const probes: Verdicts = { ...NO_PROBES, liveness: () => false };
    const plan = planPod(podOf('a', { restartPolicy: 'Never' }), observe(['a running']), probes);
    assert.deepEqual(
      plan.kills.map(({ message }) => message),
      ['Container a failed liveness probe'],
    );
    assert.equal(plan.killPod, true);
  });

  it('counts the attempts of sandboxes', () => {
    const plan = planPod(
      podOf('a'),
      observe([], [{ ...SANDBOX, attempt: 4, ready: false }]),
      NO_PROBES,
    );
    assert.equal(plan.sandboxAttempt, 5);
  });

  it('makes one of two sandboxes that are ready', () => {
    const plan = planPod(podOf('a'), observe([], [SANDBOX, { ...SANDBOX, id: 's1' }]), NO_PROBES);
    assert.deepEqual([plan.killPod, plan.createSandbox], [true, true]);
  });
});
