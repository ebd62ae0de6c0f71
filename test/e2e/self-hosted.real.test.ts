/**
 * The control plane as static pods of the first node: they run, they come back, they go and come
 * with their manifests, and the same cluster goes on without them.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodeNameOf } from '../../src/cli/cluster-choices.ts';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { nodeLayout } from '../../src/cli/node-layout.ts';
import { runningPid } from '../../src/cli/supervisor.ts';
import { ask } from './http.ts';
import { unlessReal } from './needs.ts';
import { eventually, type Product, removeDirectory, run, startProduct } from './product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { podManifest, type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('the control plane in pods');
const NODE = nodeNameOf(hostname());
const COMPONENTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
/** The probes of kubeadm begin ten seconds after a start. */
const READY = 'wait -n kube-system -l tier=control-plane pod --for=condition=Ready --timeout=90s';
const MIRRORED_MS = 60_000;

interface MirrorPod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly ownerReferences: readonly { readonly kind: string; readonly name: string }[];
  };
  readonly spec: { readonly priority: number; readonly hostNetwork: boolean };
  readonly status: {
    readonly phase: string;
    readonly containerStatuses: readonly {
      readonly restartCount: number;
      readonly containerID: string;
    }[];
  };
}

describe('the control plane in pods', { skip }, () => {
  let cluster: RealCluster;
  /** The one of the moment: it is stopped and started again. */
  let product: Product;
  const ok = (command: string | readonly string[], input?: string): Promise<string> =>
    product.ok(command, input);

  before(async () => {
    cluster = await startRealCluster(['--self-hosted']);
    product = cluster.product;
  });
  after(async () => {
    await product?.stop();
    if (cluster !== undefined) removeDirectory(cluster.directory);
  });

  const untilReady = async (): Promise<void> => {
    await eventually(async () => ((await podsOf()).length === 3 ? true : undefined), MIRRORED_MS);
    await ok(READY);
  };
  const podsOf = async (): Promise<MirrorPod[]> => {
    const text = await ok('get pods -n kube-system -l tier=control-plane -o json');
    return (JSON.parse(text) as { items: MirrorPod[] }).items;
  };
  const podOf = async (component: string): Promise<MirrorPod | undefined> =>
    (await podsOf()).find(({ metadata }) => metadata.name === `${component}-${NODE}`);
  const page = async (): Promise<string> => {
    const port = await ok('get service web -o jsonpath={.spec.ports[0].nodePort}');
    const jsonpath = 'jsonpath={.status.addresses[0].address}';
    const address = await ok(['get', 'node', NODE, '-o', jsonpath]);
    return (await ask(`http://${address}:${port}/`)).body.toString();
  };

  it('is three mirror pods in kube-system that run and are ready', async () => {
    await untilReady();
    const pods = await podsOf();
    assert.deepEqual(
      pods.map(({ metadata }) => metadata.name).toSorted(),
      COMPONENTS.map((name) => `${name}-${NODE}`),
    );
    for (const { metadata, spec, status } of pods) {
      assert.ok('kubernetes.io/config.mirror' in metadata.annotations);
      assert.equal(metadata.labels['component'], metadata.name.slice(0, -NODE.length - 1));
      assert.deepEqual(
        metadata.ownerReferences.map(({ kind, name }) => `${kind} ${name}`),
        [`Node ${NODE}`],
      );
      assert.equal(spec.priority, 2_000_001_000);
      assert.equal(spec.hostNetwork, true);
      assert.equal(status.phase, 'Running');
      assert.equal(status.containerStatuses[0]?.restartCount, 0, metadata.name);
    }
    assert.equal(
      runningPid(dataDirectoryAt(product.dataDirectory).run, 'control-plane'),
      undefined,
    );
  });

  it('has logs', async () => {
    const lines: Readonly<Record<string, RegExp>> = {
      'kube-apiserver': /API server is ready/,
      'kube-controller-manager': /controllers are ready/,
      'kube-scheduler': /the scheduler is ready/,
    };
    for (const [name, line] of Object.entries(lines))
      assert.match(await ok(`logs -n kube-system ${name}-${NODE}`), line);
  });

  it('runs a Deployment with a Service', async () => {
    await ok('create -f -', JSON.stringify(deployment()));
    await ok('expose deployment web --type=NodePort --port=80 --target-port=8080');
    await ok('rollout status deployment/web --timeout=60s');
    await eventually(async () => ((await page()) === 'here\n' ? true : undefined));
  });

  it('has its own objects, and says why', async () => {
    const roles = await ok(['get', 'node', NODE, '-o', 'jsonpath={.metadata.labels}']);
    assert.match(roles, /node-role.kubernetes.io\/control-plane/);
    assert.match(await ok('get configmap -n kube-system kubeadm-config -o yaml'), /podSubnet/);
    assert.equal(
      await ok('get service -n kube-system kube-dns -o jsonpath={.spec.clusterIP}'),
      '10.96.0.10',
    );
    await ok(
      'create -f -',
      JSON.stringify(
        podManifest('big', 'true', { container: { resources: { requests: { cpu: '1k' } } } }),
      ),
    );
    await eventually(async () => {
      const text = await ok(
        'get --raw /apis/why.coxswain.dev/v1/explanations/api/v1/namespaces/default/pods/big',
      );
      return /Insufficient cpu/.test(text) ? true : undefined;
    });
    await ok('delete pod big --now');
  });

  it('brings a killed API server back, with nothing lost', async () => {
    const names = await ok('get deployments,services,pods -o name');
    await ok('create configmap last --from-literal=written=before');
    const before = await podOf('kube-apiserver');
    await killContainer(before);
    await eventually(async () => ((await ok('get --raw /readyz')) === 'ok' ? true : undefined));
    assert.equal(await ok('get configmap last -o jsonpath={.data.written}'), 'before');
    assert.equal(await ok('get deployments,services,pods -o name'), names);
    await untilReady();
    const now = await podOf('kube-apiserver');
    assert.equal(now?.status.containerStatuses[0]?.restartCount, 1);
    assert.equal(now?.metadata.uid, before?.metadata.uid, 'the same mirror pod');
    assert.equal(await page(), 'here\n');
    await ok('scale deployment/web --replicas=2');
    await ok('rollout status deployment/web --timeout=60s');
  });

  it('ends the scheduler without its manifest, and brings it back with it', async () => {
    const { staticPods } = nodeLayout(dataDirectoryAt(product.dataDirectory));
    const [path, away] = [join(staticPods, 'kube-scheduler.yaml'), join(cluster.directory, 'away')];
    renameSync(path, away);
    await eventually(async () =>
      (await podOf('kube-scheduler')) === undefined ? true : undefined,
    );
    assert.equal(await containersOf('kube-scheduler'), '');
    await ok('create -f -', JSON.stringify(podManifest('waits', 'exec sleep 1000')));
    assert.equal(await ok('get pod waits -o jsonpath={.spec.nodeName}'), '');
    renameSync(away, path);
    await ok('wait --for=condition=Ready pod/waits --timeout=60s');
    await untilReady();
  });

  it('goes on where it was killed whole, with the supervisor', async () => {
    const { run: pids } = dataDirectoryAt(product.dataDirectory);
    const before = await podOf('kube-apiserver');
    const killed = ['node', 'containerd'].map((name) => runningPid(pids, name) ?? 0);
    process.kill(-(product.process.pid ?? 0), 'SIGKILL');
    for (const pid of killed) process.kill(pid, 'SIGKILL');
    product = await again(['--self-hosted']);
    const now = await podOf('kube-apiserver');
    assert.deepEqual(idOf(now), idOf(before), 'the container goes on');
    await untilReady();
  });

  it('gives the cluster back to a process, which gives it to pods again', async () => {
    process.kill(-(product.process.pid ?? 0), 'SIGKILL');
    product = await again([]);
    const { run: pids } = dataDirectoryAt(product.dataDirectory);
    assert.ok(runningPid(pids, 'control-plane') !== undefined);
    await eventually(async () => ((await podsOf()).length === 0 ? true : undefined));
    for (const name of COMPONENTS) assert.equal(await containersOf(name), '');
    assert.equal(await ok('get configmap last -o jsonpath={.data.written}'), 'before');
    await ok('rollout status deployment/web --timeout=60s');
    process.kill(-(product.process.pid ?? 0), 'SIGKILL');
    product = await again(['--self-hosted']);
    assert.equal(runningPid(pids, 'control-plane'), undefined);
    assert.equal(await ok('get configmap last -o jsonpath={.data.written}'), 'before');
    await untilReady();
  });

  it('leaves nothing behind when it is stopped', async () => {
    const { hash, runtimePath, path } = dataDirectoryAt(product.dataDirectory);
    await product.stop();
    assert.equal(existsSync(runtimePath), false);
    assert.doesNotMatch(readFileSync('/proc/mounts', 'utf8'), new RegExp(`${path}|${runtimePath}`));
    assert.doesNotMatch(readdirSync('/sys/class/net').join(' '), new RegExp(hash));
    assert.doesNotMatch((await run('nft', ['list', 'tables'])).stdout, new RegExp(hash));
    for (const controller of ['', ...readdirSync('/sys/fs/cgroup')])
      assert.equal(existsSync(join('/sys/fs/cgroup', controller, `coxswain-${hash}`)), false);
    const { stdout } = await run('pgrep', ['-fa', '/opt/coxswain/bin/cox.ts|cox.ts.*' + path]);
    assert.equal(stdout, '');
  });

  function again(flags: readonly string[]): Promise<Product> {
    const { dataDirectory } = product;
    return startProduct(['--example', 'none', ...flags], { dataDirectory });
  }

  function ctr(...args: readonly string[]) {
    const { containerdSocket } = nodeLayout(dataDirectoryAt(product.dataDirectory));
    return run('ctr', ['--address', containerdSocket, '--namespace', 'k8s.io', ...args]);
  }

  async function killContainer(pod: MirrorPod | undefined): Promise<void> {
    const { code, stderr } = await ctr('tasks', 'kill', '--signal', 'SIGKILL', idOf(pod));
    assert.equal(code, 0, stderr);
  }

  async function containersOf(component: string): Promise<string> {
    const filter = `labels."io.kubernetes.container.name"==${component}`;
    const ids = (await ctr('containers', 'list', '--quiet', filter)).stdout.split('\n');
    const tasks = (await ctr('tasks', 'list')).stdout.split('\n');
    return tasks
      .filter((line) => /RUNNING/.test(line) && ids.includes(line.split(' ')[0] ?? ''))
      .join('\n');
  }
});

function idOf(pod: MirrorPod | undefined): string {
  const [status] = pod?.status.containerStatuses ?? [];
  return status?.containerID.replace('containerd://', '') ?? '';
}

function deployment(): object {
  const labels = { app: 'web' };
  const container = {
    name: 'main',
    image: BUSYBOX,
    command: ['sh', '-c', 'mkdir /www; echo here > /www/index.html; exec httpd -f -p 8080 -h /www'],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { terminationGracePeriodSeconds: 1, containers: [container] },
      },
    },
  };
}
