/** What the kubelet says of itself. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, PodStatus } from '#api/gen/core-v1.ts';
import { MetricRegistry } from '#base/metrics.ts';
import { PodWorld } from '#kit/kubelet/pod-world.ts';
import { FakeCri } from '#kit/kubelet/fake-cri.ts';
import { observedContainer } from '#kit/kubelet/observed.ts';
import { StatsWorld } from '#kit/kubelet/stats-world.ts';
import { countsOf, sampleOf } from '#kit/metrics.ts';
import { VIRTUAL_START_MS, VirtualEnvironment } from '#kit/virtual-environment.ts';
import { observeKubelet } from './kubelet-metrics.ts';
import { meteredCri } from './metered-cri.ts';
import { PodStartMetrics } from './pod-start-metrics.ts';
import { ProberMetrics } from './prober-metrics.ts';

const CREATED = new Date(VIRTUAL_START_MS).toISOString();

describe('calls of the runtime', () => {
  const make = () => {
    const environment = new VirtualEnvironment();
    const registry = new MetricRegistry();
    const pulls: (readonly [string, boolean])[] = [];
    const fake = new FakeCri(environment);
    fake.handlers.add('h');
    const cri = meteredCri(fake, {
      registry,
      clock: environment.clock,
      onPull: (uid, isOver) => pulls.push([uid, isOver]),
    });
    return { environment, registry, pulls, fake, cri };
  };

  it('are counted, with those that failed', async () => {
    const { registry, cri } = make();
    await cri.call('version', {});
    await cri.call('version', {});
    await assert.rejects(cri.call('startContainer', { containerId: 'x' }), /no such container/);
    assert.deepEqual(countsOf(registry, 'kubelet_runtime_operations_'), [
      'duration_seconds_count{operation_type="start_container"} 1',
      'duration_seconds_count{operation_type="version"} 2',
      'errors_total{operation_type="start_container"} 1',
      'total{operation_type="start_container"} 1',
      'total{operation_type="version"} 2',
    ]);
  });

  it('take their time', async () => {
    const { environment, registry, fake, cri } = make();
    fake.stopMs = 3000;
    const stopping = cri.call('stopContainer', { containerId: 'x', timeout: 10 });
    await environment.advance(3000);
    await stopping;
    const sum = 'kubelet_runtime_operations_duration_seconds_sum{operation_type="stop_container"}';
    assert.equal(sampleOf(registry, sum), 3);
  });

  it('that make sandboxes count as pods that start', async () => {
    const { registry, cri, fake } = make();
    await cri.call('runPodSandbox', { runtimeHandler: 'h' });
    fake.call = () => Promise.reject(new Error('no'));
    await assert.rejects(cri.call('runPodSandbox', {}));
    assert.deepEqual(
      [...countsOf(registry, 'kubelet_started_pods'), ...countsOf(registry, 'kubelet_run_')],
      [
        '_errors_total 1',
        '_total 2',
        'podsandbox_duration_seconds_count{runtime_handler=""} 1',
        'podsandbox_duration_seconds_count{runtime_handler="h"} 1',
        'podsandbox_errors_total{runtime_handler=""} 1',
      ],
    );
  });

  it('that pull images tell for which pod', async () => {
    const { pulls, cri } = make();
    await cri.call('pullImage', { sandboxConfig: { metadata: { uid: 'u' } } });
    await cri.call('pullImage', {});
    assert.deepEqual(pulls, [
      ['u', false],
      ['u', true],
    ]);
  });
});

describe('starts of pods', () => {
  const running = (startedAt = CREATED): PodStatus => ({
    phase: 'Running',
    startTime: CREATED,
    containerStatuses: [
      {
        name: 'main',
        image: '',
        imageID: '',
        ready: true,
        restartCount: 0,
        state: { running: { startedAt } },
      },
    ],
  });
  const podOf = (over: Partial<Pod> = {}): Pod => ({
    metadata: { uid: 'u', creationTimestamp: CREATED },
    spec: { containers: [{ name: 'main' }] },
    ...over,
  });
  const make = () => {
    const environment = new VirtualEnvironment();
    const registry = new MetricRegistry();
    const starts = new PodStartMetrics(registry, environment.clock);
    const sum = (name: string): number =>
      sampleOf(registry, `kubelet_${name}_duration_seconds_sum`);
    const count = (name: string): number =>
      sampleOf(registry, `kubelet_${name}_duration_seconds_count`);
    return { environment, registry, starts, sum, count };
  };

  it('are measured from the watch to the watch, without pulls and init containers', async () => {
    const { environment, registry, starts, sum, count } = make();
    await environment.advance(1000);
    starts.watched(podOf());
    await environment.advance(500);
    starts.working('u');
    starts.working('u');
    starts.pulling('u', false);
    await environment.advance(1000);
    starts.pulling('u', false);
    await environment.advance(1000);
    starts.pulling('u', true);
    await environment.advance(1000);
    starts.pulling('u', true);
    starts.reported('u', { phase: 'Pending' }, running());
    await environment.advance(4000);
    const ended = (name: string) => ({
      name,
      image: '',
      imageID: '',
      ready: true,
      restartCount: 0,
      state: {
        terminated: {
          exitCode: 0,
          startedAt: CREATED,
          finishedAt: new Date(VIRTUAL_START_MS + 2000).toISOString(),
        },
      },
    });
    const pod = podOf({
      spec: {
        containers: [{ name: 'main' }],
        initContainers: [{ name: 'first' }, { name: 'sidecar', restartPolicy: 'Always' }],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
      status: { ...running(), initContainerStatuses: [ended('first'), ended('sidecar')] },
    });
    starts.watched(pod);
    starts.watched(pod);
    assert.deepEqual(
      ['pod_start', 'pod_worker_start', 'pod_start_total', 'pod_start_sli'].map((name) => [
        sum(name),
        count(name),
      ]),
      [
        [3.5, 1],
        [0.5, 1],
        [8.5, 1],
        [3.5, 1],
      ],
    );
    assert.equal(sampleOf(registry, 'kubelet_first_network_pod_start_sli_duration_seconds'), 3.5);
    assert.equal(sampleOf(registry, 'kubelet_containers_per_pod_count_count'), 1);
  });

  it('with state of their own are not of the SLI', async () => {
    const { environment, starts, count } = make();
    const pod = podOf({
      spec: {
        containers: [{ name: 'main' }],
        volumes: [{ name: 'v', hostPath: { path: '/' } }],
      },
    });
    starts.watched(pod);
    starts.reported('u', { phase: 'Pending' }, running());
    await environment.advance(1000);
    starts.watched({ ...pod, status: running() });
    assert.deepEqual([count('pod_start_total'), count('pod_start_sli')], [1, 0]);
  });

  it('on the host’s network are not the first of a network', () => {
    const { starts, count, registry } = make();
    const pod = podOf({ spec: { containers: [{ name: 'main' }], hostNetwork: true } });
    starts.watched(pod);
    starts.reported('u', { phase: 'Pending' }, running());
    starts.watched({ ...pod, status: running() });
    assert.equal(count('pod_start_sli'), 1);
    assert.equal(sampleOf(registry, 'kubelet_first_network_pod_start_sli_duration_seconds'), 0);
  });

  it('that were on their way before are not known', () => {
    const { starts, count } = make();
    starts.watched(podOf({ status: running() }));
    starts.reported('u', running(), running());
    starts.watched(podOf({ status: running() }));
    assert.deepEqual([count('pod_start_total'), count('pod_start')], [0, 0]);
  });

  it('are over when every container has been seen to run', () => {
    const { starts, count } = make();
    starts.watched(podOf());
    starts.watched(podOf({ status: running() }));
    assert.equal(count('pod_start_total'), 0);
    starts.reported('u', { phase: 'Pending' }, running());
    const [main] = running().containerStatuses ?? [];
    const waiting = { ...running(), containerStatuses: main ? [main, { ...main, state: {} }] : [] };
    starts.watched(podOf({ status: waiting }));
    starts.watched(podOf({ status: { ...running(), containerStatuses: [] } }));
    assert.equal(count('pod_start_total'), 0);
    starts.watched(podOf({ status: running() }));
    assert.equal(count('pod_start_total'), 1);
  });

  it('of pods that are gone are forgotten', () => {
    const { starts, count } = make();
    starts.watched(podOf());
    starts.forget('u');
    starts.reported('u', { phase: 'Pending' }, running());
    starts.working('u');
    starts.pulling('u', false);
    assert.deepEqual([count('pod_start'), count('pod_worker_start')], [0, 0]);
  });
});

describe('work on pods', () => {
  it('is counted by what it was', async () => {
    const world = new PodWorld();
    world.metrics.starts.watched({ metadata: { uid: '00000000-0000-4000-8000-000000000001' } });
    await world.start({
      initContainers: [{ name: 'first', image: 'i' }],
      containers: [{ name: 'main', image: 'i' }],
    });
    const first = [...world.cri.containers.values()][0]?.status.id ?? '';
    world.cri.exit(first, 0);
    await world.node.cache.relist();
    await world.environment.advance(0);
    assert.deepEqual(countsOf(world.metrics.registry, 'kubelet_started_containers'), [
      '_total{container_type="container"} 1',
      '_total{container_type="init_container"} 1',
    ]);
    await world.change('p', (spec) => ({ ...spec, activeDeadlineSeconds: 1000 }));
    await world.delete();
    await world.environment.advance(60_000);
    const operations = countsOf(
      world.metrics.registry,
      'kubelet_pod_worker_duration_seconds_count',
    ).map((line) => /"(.*)"/.exec(line)?.[1]);
    assert.deepEqual(operations, ['create', 'kill', 'sync', 'terminated', 'update']);
    assert.equal(sampleOf(world.metrics.registry, 'kubelet_pod_start_duration_seconds_count'), 1);
    assert.equal(
      sampleOf(world.metrics.registry, 'kubelet_pod_worker_start_duration_seconds_count'),
      1,
    );
  });

  it('counts containers that cannot start, and why', async () => {
    const world = new PodWorld();
    await world.start({ containers: [{ name: 'main', image: 'BAD IMAGE' }] });
    const failed = 'container_type="container",code="InvalidImageName"';
    const { registry } = world.metrics;
    const errors = sampleOf(registry, `kubelet_started_containers_errors_total{${failed}}`);
    const starts = sampleOf(
      registry,
      'kubelet_started_containers_total{container_type="container"}',
    );
    assert.ok(errors > 0);
    assert.equal(errors, starts);
  });
});

describe('ProberMetrics', () => {
  it('counts results, takes the time of good ones, and forgets a pod with all of them', () => {
    const metrics = new ProberMetrics();
    const probe = {
      type: 'Liveness',
      container: 'c',
      pod: 'p',
      namespace: 'n',
      podUid: 'u',
    } as const;
    metrics.probed(probe, true, 2);
    metrics.probed(probe, false, 3);
    metrics.probed({ ...probe, type: 'Startup', pod: 'q', podUid: 'v' }, false, 1);
    const ofP = 'container="c",pod="p",namespace="n"';
    const ofQ = 'container="c",pod="q",namespace="n"';
    const failed = `total{probe_type="Startup",result="failed",${ofQ},pod_uid="v"} 1`;
    assert.deepEqual(countsOf(metrics.registry, 'prober_probe_'), [
      `duration_seconds_count{probe_type="Liveness",${ofP}} 1`,
      `total{probe_type="Liveness",result="failed",${ofP},pod_uid="u"} 1`,
      `total{probe_type="Liveness",result="successful",${ofP},pod_uid="u"} 1`,
      failed,
    ]);
    const sum = `prober_probe_duration_seconds_sum{probe_type="Liveness",${ofP}}`;
    assert.equal(sampleOf(metrics.registry, sum), 2);
    metrics.forget('u');
    assert.deepEqual(countsOf(metrics.registry, 'prober_probe_'), [failed]);
  });
});

describe('/metrics and /metrics/probes', () => {
  it('show what is there', async () => {
    const world = new StatsWorld({ version: 2, mount: '/cg' });
    const spec = { containers: [], ephemeralContainers: [{ name: 'debug' }] };
    observeKubelet(world.metrics.registry, {
      nodeName: 'n1',
      startedMs: VIRTUAL_START_MS,
      cgroupVersion: 2,
      pods: () => [{ metadata: { name: 'p' }, spec }, { metadata: { name: 'q' } }],
      observed: () => [
        {
          uid: 'u',
          name: 'p',
          namespace: 'n',
          sandboxes: [
            { id: 's', attempt: 0, ready: true, createdMs: 0, hostNetwork: false, ips: [] },
          ],
          containers: [observedContainer(), observedContainer({ state: 'exited' })],
        },
        { uid: 'v', name: 'q', namespace: 'n', sandboxes: [], containers: [observedContainer()] },
      ],
    });
    const probe = {
      type: 'Readiness',
      container: 'c',
      pod: 'p',
      namespace: 'n',
      podUid: 'u',
    } as const;
    world.metrics.probes.probed(probe, true, 1);
    const ask = world.server();
    const { text } = await ask('/metrics');
    for (const line of [
      'kubelet_node_name{node="n1"} 1',
      'process_start_time_seconds 1.7672256e+09',
      'kubelet_cgroup_version 2',
      'kubelet_running_pods 1',
      'kubelet_running_containers{container_state="running"} 2',
      'kubelet_running_containers{container_state="exited"} 1',
      'kubelet_desired_pods{static=""} 2',
      'kubelet_managed_ephemeral_containers 1',
    ])
      assert.ok(text.includes(`\n${line}\n`), line);
    assert.doesNotMatch(text, /prober_|kubelet_evictions/);
    assert.match((await ask('/metrics/probes')).text, /^prober_probe_total\{.*\} 1$/m);
  });
});
