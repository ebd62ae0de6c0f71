import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Container, Pod, Probe } from '#api/gen/core-v1.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { realEnvironment } from '#edge/environment.ts';
import { openGrpcChannel } from '#edge/grpc.ts';
import { realNetwork } from '#edge/network.ts';
import { countsOf } from '#kit/metrics.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { Cri } from '../cri/cri.ts';
import { type KubeletEvent, PodEvents } from '../events.ts';
import type { ObservedPod } from '../pod/observed.ts';
import { ProbeManager } from './probe-manager.ts';
import { ProberMetrics } from '../stats/prober-metrics.ts';
import { runProbe } from './run-probe.ts';
import { observedContainer, observedPod } from '#kit/kubelet/observed.ts';
import { FIRST_STATE, nextState, type ProbeType } from './verdict.ts';

describe('nextState', () => {
  const run = (spec: Probe, type: ProbeType, results: readonly boolean[]) =>
    results.map(
      ((state) => (result: boolean) => {
        state = nextState(state, result, spec, type);
        return state.verdict;
      })(FIRST_STATE),
    );

  it('changes its mind only after so many in a row', () => {
    const spec = { failureThreshold: 2, successThreshold: 2 };
    const results = [true, true, false, true, false, false, true, true];
    const verdicts = [undefined, true, true, true, true, false, false, true];
    assert.deepEqual(run(spec, 'readiness', results), verdicts);
  });
  it('has three failures and one success as thresholds by default', () => {
    assert.deepEqual(run({}, 'liveness', [true, false, false, false]), [true, true, true, false]);
  });
  it('stops at a startup verdict and at a failed liveness', () => {
    assert.equal(nextState(FIRST_STATE, true, {}, 'startup').onHold, true);
    assert.equal(nextState(FIRST_STATE, false, { failureThreshold: 1 }, 'liveness').onHold, true);
    assert.equal(nextState(FIRST_STATE, false, { failureThreshold: 1 }, 'readiness').onHold, false);
  });
});

/** A runtime in which every command ends as `exitCode` says. */
class FakeExec {
  exitCode = 0;
  calls = 0;
  error: GrpcError | undefined;
  readonly cri: Cri = {
    call: () => {
      this.calls++;
      if (this.error !== undefined) return Promise.reject(this.error);
      // Only execSync is called here.
      return Promise.resolve({ exitCode: this.exitCode, stdout: Buffer.from('said\n') } as never);
    },
    watchEvents: () => Promise.resolve(),
  };
}

function observedAt(startedMs: number): ObservedPod {
  return observedPod(observedContainer({ createdMs: startedMs, startedMs }));
}

describe('ProbeManager', () => {
  const exec = { exec: { command: ['check'] } };
  const make = (container: Partial<Container>, status: Pod['status'] = {}) => {
    const environment = new VirtualEnvironment();
    const runtime = new FakeExec();
    const events: KubeletEvent[] = [];
    let verdicts = 0;
    const metrics = new ProberMetrics();
    const manager = new ProbeManager(
      { environment, cri: runtime.cri, network: realNetwork(), openGrpc: openGrpcChannel, metrics },
      () => verdicts++,
    );
    const main: Container = { name: 'main', ...container };
    const pod: Pod = { metadata: { uid: 'u' }, spec: { containers: [main] }, status };
    const recorder = new PodEvents({ event: (event) => events.push(event) }, () => pod);
    const sync = (startedMs = environment.clock.now()) =>
      manager.sync(pod, observedAt(startedMs), recorder);
    const told = () => verdicts;
    return { environment, runtime, events, manager, metrics, main, pod, sync, told };
  };

  it('waits the initial delay, then probes at its rhythm', async () => {
    const t = make({ readinessProbe: { ...exec, initialDelaySeconds: 5, periodSeconds: 3 } });
    t.sync();
    await t.environment.advance(4999);
    assert.deepEqual([t.runtime.calls, t.manager.isReady('c1', t.main)], [0, false]);
    await t.environment.advance(1);
    assert.deepEqual([t.runtime.calls, t.manager.isReady('c1', t.main), t.told()], [1, true, 1]);
    await t.environment.advance(9000);
    assert.deepEqual([t.runtime.calls, t.told()], [4, 1]);
  });

  it('probes nothing else before the startup probe has succeeded, and all at once then', async () => {
    const t = make({
      startupProbe: { ...exec, periodSeconds: 1, failureThreshold: 9 },
      readinessProbe: { ...exec, periodSeconds: 60 },
    });
    t.runtime.exitCode = 1;
    t.sync();
    await t.environment.advance(3000);
    assert.deepEqual(
      [t.manager.isStarted('c1', t.main), t.manager.isReady('c1', t.main)],
      [false, false],
    );
    t.runtime.exitCode = 0;
    await t.environment.advance(1000);
    assert.deepEqual(
      [t.manager.isStarted('c1', t.main), t.manager.isReady('c1', t.main)],
      [true, true],
    );
  });

  it('reports failures, and the verdict after the threshold', async () => {
    const t = make({ livenessProbe: { ...exec, periodSeconds: 1, failureThreshold: 2 } });
    t.runtime.exitCode = 1;
    t.sync();
    await t.environment.advance(0);
    assert.equal(t.manager.liveness('c1'), undefined);
    await t.environment.advance(1000);
    assert.equal(t.manager.liveness('c1'), false);
    assert.deepEqual(t.events.map(({ reason, message }) => [reason, message]).slice(0, 1), [
      ['Unhealthy', 'Liveness probe failed: said\n'],
    ]);
    const calls = t.runtime.calls;
    await t.environment.advance(10_000);
    assert.equal(t.runtime.calls, calls, 'no more probes of a container that will be restarted');
  });

  it('learns nothing from a probe that could not be made', async () => {
    const t = make({ livenessProbe: { ...exec, failureThreshold: 1 } });
    t.runtime.error = new GrpcError(GRPC_CODE.unavailable, 'gone');
    t.sync();
    await t.environment.advance(0);
    assert.deepEqual([t.manager.liveness('c1'), t.runtime.calls], [undefined, 3]);
  });

  it('counts a command that takes too long as a failure', async () => {
    const t = make({ livenessProbe: { ...exec, failureThreshold: 1 } });
    t.runtime.error = new GrpcError(GRPC_CODE.deadlineExceeded, 'late');
    t.sync();
    await t.environment.advance(0);
    assert.equal(t.events[0]?.message, 'Liveness probe failed: command "check" timed out');
  });

  it('keeps a container ready that was so before the kubelet started', async () => {
    const status = {
      containerStatuses: [
        {
          name: 'main',
          ready: true,
          started: true,
          restartCount: 0,
          image: '',
          imageID: '',
          containerID: 'containerd://c1',
        },
      ],
    };
    const t = make({ readinessProbe: exec, startupProbe: exec }, status);
    t.runtime.exitCode = 1;
    t.sync(t.environment.clock.now() - 60_000);
    assert.deepEqual(
      [t.manager.isStarted('c1', t.main), t.manager.isReady('c1', t.main)],
      [true, true],
    );
  });

  it('does not look for illness in a pod that is being deleted', async () => {
    const t = make({ livenessProbe: exec, readinessProbe: exec });
    t.pod.metadata = { uid: 'u', deletionTimestamp: '2026-01-01T00:00:00Z' };
    t.runtime.exitCode = 1;
    t.sync();
    await t.environment.advance(100_000);
    assert.equal(t.manager.liveness('c1'), undefined);
    assert.ok(t.events.every(({ message }) => message.startsWith('Readiness')));
  });

  it('counts what came of probes, until the pod is gone', async () => {
    const t = make({ readinessProbe: { ...exec, periodSeconds: 1, failureThreshold: 9 } });
    t.sync();
    await t.environment.advance(1000);
    t.runtime.exitCode = 1;
    await t.environment.advance(3000);
    const counts = () => countsOf(t.metrics.registry, 'prober_probe_total');
    const labels = (result: string): string =>
      `{probe_type="Readiness",result="${result}",container="main",pod="",namespace="",pod_uid="u"}`;
    assert.deepEqual(counts(), [`${labels('failed')} 3`, `${labels('successful')} 2`]);
    t.manager.forget('u');
    assert.deepEqual(counts(), []);
  });

  it('stops with the pod', async () => {
    const t = make({ readinessProbe: exec });
    t.sync();
    t.manager.forget('u');
    await t.environment.advance(100_000);
    assert.equal(t.runtime.calls, 0);
  });
});

describe('runProbe on the network', () => {
  let server: Server;
  let port = 0;
  /** The last request line. */
  let asked = '';
  before(async () => {
    server = createServer((request, response) => {
      if (request.url === '/slow') return;
      asked = request.url ?? '';
      response.statusCode = request.url === '/bad' ? 500 : 200;
      response.end('body');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });

  const doors = {
    environment: realEnvironment({ logLevel: 'error' }),
    cri: new FakeExec().cri,
    network: realNetwork(),
    openGrpc: openGrpcChannel,
  };
  const probe = (spec: Probe) => {
    const container: Container = { name: 'main', ports: [{ name: 'web', containerPort: port }] };
    const target = { container, containerId: 'c', podIp: '127.0.0.1' };
    return runProbe({ timeoutSeconds: 1, ...spec }, target, doors, new AbortController().signal);
  };

  it('takes 200 to 399 for well', async () => {
    const good = await probe({
      httpGet: { port: 'web', path: '/good', httpHeaders: [{ name: 'X-A', value: 'b' }] },
    });
    assert.equal(good.success, true);
    const bad = await probe({ httpGet: { port, path: '/bad' } });
    assert.deepEqual(bad, { success: false, output: 'HTTP probe failed with statuscode: 500' });
  });

  it('asks for the path as it is written, and encodes what no request line may hold', async () => {
    for (const [path, line] of [
      ['/dial?host=h&request=echo%3Fmsg%3Dx', '/dial?host=h&request=echo%3Fmsg%3Dx'],
      ['/a b/ü?c=100%', '/a%20b/%C3%BC?c=100%25'],
    ]) {
      await probe({ httpGet: { port, path: path ?? '' } });
      assert.equal(asked, line);
    }
  });

  it('words what went wrong as people know it', async () => {
    const closed = await probe({ httpGet: { port: 1 } });
    assert.equal(
      closed.output,
      'Get "http://127.0.0.1:1/": dial tcp 127.0.0.1:1: connect: connection refused',
    );
    const slow = await probe({ httpGet: { port, path: '/slow' } });
    assert.equal(
      slow.output,
      `Get "http://127.0.0.1:${port}/slow": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`,
    );
    await assert.rejects(probe({ httpGet: { port: 'nothing' } }), {
      message: "couldn't find port: nothing in container: main",
    });
  });

  it('connects', async () => {
    assert.equal((await probe({ tcpSocket: { port } })).success, true);
    const refused = await probe({ tcpSocket: { port: 1 } });
    assert.deepEqual(refused, {
      success: false,
      output: 'dial tcp 127.0.0.1:1: connect: connection refused',
    });
  });
});
