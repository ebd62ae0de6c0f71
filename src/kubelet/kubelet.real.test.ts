/**
 * The kubelet against a real containerd: what runs, restarts, is probed and ends, really does.
 *
 * Needs root and Linux; elsewhere the tests are skipped, and say why.
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Pod, PodSpec } from '#api/gen/core-v1.ts';
import { BUSYBOX } from '#kit/busybox-image.ts';
import { RealTestNode, whyNot } from '#kit/kubelet/real-node.ts';
import { CONFIG_MAP, POD, SECRET } from './resources.ts';

const reason = whyNot();
const skip = reason === undefined ? false : `needs a real node: ${reason}`;

function podOf(name: string, spec: Partial<PodSpec>): Pod {
  return {
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName: 'node-1',
      restartPolicy: 'Always',
      terminationGracePeriodSeconds: 2,
      enableServiceLinks: true,
      dnsPolicy: 'ClusterFirst',
      containers: [],
      ...spec,
    },
    status: { phase: 'Pending' },
  };
}

const SLEEPER = {
  name: 'main',
  image: BUSYBOX,
  command: ['sh', '-c', 'trap "exit 0" TERM; echo hello; while true; do sleep 0.05; done'],
  terminationMessagePath: '/dev/termination-log',
};

describe('kubelet on a real containerd', { skip }, () => {
  let node: RealTestNode;

  before(async () => {
    node = new RealTestNode();
    await node.startContainerd();
    await node.startKubelet();
  });

  after(async () => {
    await node.cleanUp();
    assert.equal(existsSync(node.directory), false);
  });

  const find = (name: string): Pod | undefined => node.api.find(POD, name, 'default');
  const until = <T>(what: string, name: string, look: (pod: Pod) => T | undefined): Promise<T> =>
    node.api.until(what, () => {
      const pod = find(name);
      return pod === undefined ? undefined : look(pod);
    });
  const running = (name: string): Promise<Pod> =>
    until(`${name} runs`, name, (pod) => (pod.status?.phase === 'Running' ? pod : undefined));
  const gone = (name: string): Promise<true> =>
    node.api.until(`${name} is gone`, () => (find(name) === undefined ? true : undefined));
  const exec = async (pod: Pod, ...cmd: string[]): Promise<string> => {
    const id = pod.status?.containerStatuses?.[0]?.containerID?.slice('containerd://'.length) ?? '';
    const context = node.kubelet.context!;
    const answer = await context.cri.call('execSync', { containerId: id, cmd, timeout: 5 });
    return Buffer.from(answer.stdout ?? [])
      .toString()
      .trim();
  };

  it('runs a pod, says so, and leaves nothing of it after its deletion', async (context) => {
    const startedMs = performance.now();
    await node.api.create(POD, podOf('simple', { containers: [SLEEPER] }));
    const pod = await running('simple');
    context.diagnostic(`create to Running: ${Math.round(performance.now() - startedMs)} ms`);
    assert.match(pod.status?.podIP ?? '', /^10\.88\.77\./);
    assert.equal(pod.status?.containerStatuses?.[0]?.ready, true);
    assert.equal(pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'True');
    const reasons = node.events.map(({ reason: why }) => why);
    for (const expected of ['Pulled', 'Created', 'Started']) assert.ok(reasons.includes(expected));

    await node.api.delete(POD, { name: 'simple', namespace: 'default' });
    await gone('simple');
    const uid = pod.metadata?.uid ?? '';
    await node.kubelet.context?.cache.relist();
    assert.equal(existsSync(node.path('kubelet', 'pods', uid)), false);
    assert.equal(
      [`/memory${node.cgroup}`, node.cgroup].some((group) =>
        existsSync(`/sys/fs/cgroup${group}/kubepods/besteffort/pod${uid}`),
      ),
      false,
    );
  });

  it('gives variables, files and limits as the spec says', async () => {
    await node.api.create(CONFIG_MAP, {
      metadata: { name: 'settings', namespace: 'default' },
      data: { 'app.conf': 'colour=red', LEVEL: 'high' },
    });
    await node.api.create(SECRET, {
      metadata: { name: 'keys', namespace: 'default' },
      data: { password: Buffer.from('sesame').toString('base64') },
    });
    const main = {
      ...SLEEPER,
      env: [
        { name: 'WHO', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'keys', key: 'password' } } },
        { name: 'GREETING', value: 'hello $(WHO)' },
        { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
      ],
      envFrom: [{ configMapRef: { name: 'settings' } }],
      resources: {
        limits: { cpu: '200m', memory: '32Mi' },
        requests: { cpu: '100m', memory: '16Mi' },
      },
      volumeMounts: [
        { name: 'config', mountPath: '/config' },
        { name: 'config', mountPath: '/one.conf', subPath: 'app.conf' },
        { name: 'keys', mountPath: '/keys' },
        { name: 'scratch', mountPath: '/scratch' },
        { name: 'memory', mountPath: '/memory' },
        { name: 'token', mountPath: '/token' },
      ],
    };
    await node.api.create(
      POD,
      podOf('rich', {
        serviceAccountName: 'default',
        hostAliases: [{ ip: '192.0.2.9', hostnames: ['elsewhere'] }],
        containers: [main],
        volumes: [
          { name: 'config', configMap: { name: 'settings' } },
          { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
          { name: 'scratch', emptyDir: {} },
          { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } },
          { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } },
        ],
      }),
    );
    const pod = await running('rich');
    const variables = await exec(pod, 'env');
    assert.match(variables, /^GREETING=hello rich$/m);
    assert.match(variables, /^PASSWORD=sesame$/m);
    assert.match(variables, /^LEVEL=high$/m);
    assert.match(variables, /^CPU=200$/m);
    assert.equal(await exec(pod, 'cat', '/config/app.conf', '/one.conf'), 'colour=redcolour=red');
    assert.equal(await exec(pod, 'stat', '-L', '-c', '%a', '/keys/password'), '400');
    assert.equal(await exec(pod, 'cat', '/token/token'), 'a-token');
    assert.match(await exec(pod, 'cat', '/etc/hosts'), /192\.0\.2\.9\telsewhere/);
    assert.match(await exec(pod, 'cat', '/etc/resolv.conf'), /nameserver 10\.96\.0\.10/);
    assert.match(await exec(pod, 'df', '/memory'), /tmpfs +1024 /);
    const group = `${node.cgroup}/kubepods/burstable/pod${pod.metadata?.uid}`;
    if (existsSync(`/sys/fs/cgroup/cpu${group}`)) {
      const quota = readFileSync(`/sys/fs/cgroup/cpu${group}/cpu.cfs_quota_us`, 'utf8').trim();
      assert.equal(quota, '20000');
    }

    await node.api.update(CONFIG_MAP, {
      metadata: { name: 'settings', namespace: 'default', uid: 'x' },
      data: { 'app.conf': 'colour=blue' },
    });
    for (let tries = 0; tries < 100; tries++) {
      if ((await exec(pod, 'cat', '/config/app.conf')) === 'colour=blue') break;
    }
    assert.equal(await exec(pod, 'cat', '/config/app.conf'), 'colour=blue');
    await node.api.delete(POD, { name: 'rich', namespace: 'default' });
    await gone('rich');
    assert.deepEqual(
      node.mountsBelow().filter((path) => path.includes(pod.metadata?.uid ?? '')),
      [],
    );
  });

  it('runs init containers first, then restarts what fails, with back-off', async () => {
    const flaky = {
      name: 'flaky',
      image: BUSYBOX,
      command: ['sh', '-c', 'echo bye > /dev/termination-log; exit 3'],
      terminationMessagePath: '/dev/termination-log',
    };
    const init = { name: 'prepare', image: BUSYBOX, command: ['true'] };
    await node.api.create(POD, podOf('crashes', { initContainers: [init], containers: [flaky] }));
    const pod = await until('back-off', 'crashes', (found) =>
      found.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'CrashLoopBackOff'
        ? found
        : undefined,
    );
    const [status] = pod.status?.containerStatuses ?? [];
    assert.equal(status?.restartCount, 1);
    assert.equal(status?.lastState?.terminated?.exitCode, 3);
    assert.equal(status?.lastState?.terminated?.message, 'bye\n');
    assert.match(
      status?.state?.waiting?.message ?? '',
      /^back-off 10s restarting failed container=flaky pod=crashes_default\(/,
    );
    assert.equal(pod.status?.initContainerStatuses?.[0]?.state?.terminated?.reason, 'Completed');
    await node.api.delete(POD, { name: 'crashes', namespace: 'default' });
    await gone('crashes');
  });

  it('says Succeeded when all has ended well, keeps the log, and reads variables out of a file', async () => {
    const volumeName = 'made';
    const volumeMounts = [{ name: volumeName, mountPath: '/made' }];
    const command = ['sh', '-c', `echo "WORD='done'" > /made/env`];
    const init = { name: 'write', image: BUSYBOX, command, volumeMounts };
    const fileKeyRef = { volumeName, path: 'env', key: 'WORD' };
    const once = {
      name: 'once',
      image: BUSYBOX,
      command: ['sh', '-c', 'echo $WORD'],
      env: [{ name: 'WORD', valueFrom: { fileKeyRef } }],
    };
    const spec = {
      initContainers: [init],
      containers: [once],
      volumes: [{ name: volumeName, emptyDir: {} }],
    };
    await node.api.create(POD, podOf('job', { restartPolicy: 'Never', ...spec }));
    const pod = await until('it ends', 'job', (found) =>
      found.status?.phase === 'Succeeded' ? found : undefined,
    );
    const file = node.path('logs', `default_job_${pod.metadata?.uid}`, 'once', '0.log');
    assert.match(readFileSync(file, 'utf8'), /stdout F done$/m);
    await node.api.delete(POD, { name: 'job', namespace: 'default' });
    await gone('job');
    for (let tries = 0; tries < 100 && existsSync(file); tries++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    assert.equal(existsSync(file), false);
  });

  it('probes: not ready before the probe says so, restarted when it is unwell', async () => {
    const main = {
      ...SLEEPER,
      readinessProbe: {
        exec: { command: ['test', '-e', '/tmp/ready'] },
        periodSeconds: 1,
        failureThreshold: 1,
      },
      livenessProbe: {
        exec: { command: ['test', '!', '-e', '/tmp/ill'] },
        periodSeconds: 1,
        failureThreshold: 1,
      },
    };
    await node.api.create(POD, podOf('probed', { containers: [main] }));
    const pod = await running('probed');
    assert.equal(pod.status?.containerStatuses?.[0]?.ready, false);
    await exec(pod, 'touch', '/tmp/ready');
    await until(
      'ready',
      'probed',
      (found) => found.status?.containerStatuses?.[0]?.ready || undefined,
    );
    await exec(pod, 'touch', '/tmp/ill');
    const again = await until('restarted', 'probed', (found) =>
      found.status?.containerStatuses?.[0]?.restartCount === 1 &&
      found.status.containerStatuses[0].state?.running !== undefined
        ? found
        : undefined,
    );
    assert.notEqual(
      again.status?.containerStatuses?.[0]?.containerID,
      pod.status?.containerStatuses?.[0]?.containerID,
    );
    const messages = node.events.map(({ message }) => message);
    assert.ok(messages.includes('Container main failed liveness probe, will be restarted'));
    await node.api.delete(POD, { name: 'probed', namespace: 'default' });
    await gone('probed');
  });

  it('restarts nothing when the kubelet or containerd starts again', async () => {
    const probed = {
      ...SLEEPER,
      readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
    };
    await node.api.create(POD, podOf('stays', { containers: [probed] }));
    const isReady = (found: Pod): Pod | undefined =>
      found.status?.containerStatuses?.[0]?.ready === true ? found : undefined;
    const pod = await until('ready', 'stays', isReady);
    const pid = await exec(pod, 'stat', '-c', '%Y', '/proc/1');
    await node.stopKubelet({ stopPods: false });
    await node.startKubelet();
    await node.killContainerd('SIGKILL');
    await node.launchContainerd();
    const before = find('stays')?.metadata?.resourceVersion;
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const after = find('stays');
    assert.equal(
      after?.status?.containerStatuses?.[0]?.containerID,
      pod.status?.containerStatuses?.[0]?.containerID,
    );
    assert.equal(after?.status?.containerStatuses?.[0]?.restartCount, 0);
    assert.equal(after?.metadata?.resourceVersion, before, 'nothing was written');
    assert.equal(await exec(after!, 'stat', '-c', '%Y', '/proc/1'), pid);

    // A pod that is deleted while nobody looks is stopped by the next kubelet.
    await node.stopKubelet({ stopPods: false });
    await node.api.delete(POD, { name: 'stays', namespace: 'default' }, { gracePeriodSeconds: 0 });
    await node.startKubelet();
    for (let tries = 0; tries < 200 && node.ctr('tasks', 'ls', '-q').trim() !== ''; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.equal(node.ctr('tasks', 'ls', '-q').trim(), '');
  });

  it('makes the sandbox anew when it dies, and runs the pod in it', async () => {
    await node.api.create(POD, podOf('phoenix', { containers: [SLEEPER] }));
    const first = await running('phoenix');
    const uid = first.metadata?.uid ?? '';
    const sandbox = node.kubelet.context?.cache.get(uid).sandboxes[0]?.id ?? '';
    node.ctr('tasks', 'kill', '-s', 'SIGKILL', sandbox);
    const again = await until('it runs again', 'phoenix', (found) =>
      found.status?.containerStatuses?.[0]?.restartCount === 1 &&
      found.status.phase === 'Running' &&
      found.status.containerStatuses[0].ready
        ? found
        : undefined,
    );
    assert.notEqual(again.status?.podIP, first.status?.podIP);
    assert.deepEqual(again.status?.podIPs, [{ ip: again.status?.podIP }]);
    assert.ok(node.events.some(({ reason: why }) => why === 'SandboxChanged'));
    await node.api.delete(POD, { name: 'phoenix', namespace: 'default' });
    await gone('phoenix');
  });

  it('says OOMKilled of what uses more memory than it may', async () => {
    const greedy = {
      name: 'greedy',
      image: BUSYBOX,
      command: ['sh', '-c', 'x=a; while true; do x=$x$x; done'],
      resources: { limits: { memory: '8Mi', cpu: '1' } },
    };
    await node.api.create(POD, podOf('greedy', { restartPolicy: 'Never', containers: [greedy] }));
    const pod = await until('it fails', 'greedy', (found) =>
      found.status?.phase === 'Failed' ? found : undefined,
    );
    const end = pod.status?.containerStatuses?.[0]?.state?.terminated;
    assert.deepEqual([end?.reason, end?.exitCode], ['OOMKilled', 137]);
    await node.api.delete(POD, { name: 'greedy', namespace: 'default' });
    await gone('greedy');
  });

  it('waits for an image that is not there, and says so', async () => {
    const absent = {
      name: 'main',
      image: 'coxswain.test/absent:1',
      imagePullPolicy: 'Never' as const,
    };
    await node.api.create(POD, podOf('imageless', { containers: [absent] }));
    const pod = await until('it says why', 'imageless', (found) =>
      found.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImageNeverPull'
        ? found
        : undefined,
    );
    const message =
      'Container image "coxswain.test/absent:1" is not present with pull policy of Never';
    assert.equal(pod.status?.containerStatuses?.[0]?.state?.waiting?.message, message);
    await node.api.delete(POD, { name: 'imageless', namespace: 'default' });
    await gone('imageless');
  });

  it('ends a pod after its deadline', async () => {
    await node.api.create(POD, podOf('late', { activeDeadlineSeconds: 1, containers: [SLEEPER] }));
    const pod = await until('it fails', 'late', (found) =>
      found.status?.phase === 'Failed' &&
      found.status.containerStatuses?.[0]?.state?.terminated !== undefined
        ? found
        : undefined,
    );
    assert.equal(pod.status?.reason, 'DeadlineExceeded');
    await node.api.delete(POD, { name: 'late', namespace: 'default' });
    await gone('late');
  });

  it('gives a container its grace period, and its hook, before it ends', async () => {
    const main = {
      ...SLEEPER,
      lifecycle: { preStop: { exec: { command: ['sh', '-c', 'echo stopping > /out/mark'] } } },
      volumeMounts: [{ name: 'out', mountPath: '/out' }],
    };
    const out = node.path('out');
    await node.api.create(
      POD,
      podOf('polite', {
        containers: [main],
        volumes: [{ name: 'out', hostPath: { path: out, type: 'DirectoryOrCreate' } }],
      }),
    );
    await running('polite');
    await node.api.delete(POD, { name: 'polite', namespace: 'default' });
    await gone('polite');
    assert.equal(readFileSync(`${out}/mark`, 'utf8'), 'stopping\n');
  });

  it('starts pods fast, many at a time', async (context) => {
    const startedMs = performance.now();
    const names = Array.from({ length: 10 }, (_, i) => `fast-${i}`);
    for (const name of names) await node.api.create(POD, podOf(name, { containers: [SLEEPER] }));
    await Promise.all(names.map(running));
    context.diagnostic(
      `10 pods, create to Running: ${Math.round(performance.now() - startedMs)} ms`,
    );
    for (const name of names) await node.api.delete(POD, { name, namespace: 'default' });
    await Promise.all(names.map(gone));
    for (let round = 0; round < 5; round++) {
      const at = performance.now();
      await node.api.create(POD, podOf(`one-${round}`, { containers: [SLEEPER] }));
      await running(`one-${round}`);
      context.diagnostic(`one pod, create to Running: ${Math.round(performance.now() - at)} ms`);
    }
  });
});
