/** Three real nodes on one machine: pods reach pods without translation, and a wiped node comes back. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { nodeNameOf } from '../../src/cli/cluster-choices.ts';
import { dataDirectoryAt, otherNodeDirectories } from '../../src/cli/data-directory.ts';
import { unmountBelow } from '../../src/cli/machine-clean-up.ts';
import { nodeLayout } from '../../src/cli/node-layout.ts';
import { runningPid } from '../../src/cli/supervisor.ts';
import { realProcesses } from '../../src/edge/processes.ts';
import { unlessReal } from './needs.ts';
import { eventually, run } from './product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { importBusyboxTo, type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('three real nodes');
const COUNT = 3;
/** Enough that each of three pods is met, all but surely. */
const REQUESTS = 9;
/** Tells each who asks what address it is seen by. */
const SERVER = [
  'mkdir -p /www/cgi-bin',
  `printf '#!/bin/sh\nprintf "content-type: text/plain\\\\r\\\\n\\\\r\\\\n$REMOTE_ADDR"\n' > /www/cgi-bin/me`,
  'chmod +x /www/cgi-bin/me',
  'exec httpd -f -p 8080 -h /www',
].join('\n');

interface PlacedPod {
  readonly name: string;
  readonly node: string;
  readonly ip: string;
}

describe('three nodes on one machine', { skip }, () => {
  let cluster: RealCluster;
  let pods: PlacedPod[];
  const names = [1, 2, 3].map((nth) =>
    nth === 1 ? nodeNameOf(hostname()) : `${nodeNameOf(hostname())}-${nth}`,
  );

  before(async () => {
    cluster = await startRealCluster(['--nodes', String(COUNT)]);
    await cluster.ok('create -f -', JSON.stringify(daemonSet()));
    await cluster.ok('rollout status daemonset/web --timeout=60s');
    await cluster.ok('create -f -', JSON.stringify(service()));
    pods = await placedPods(cluster);
  });
  after(() => cluster?.close());

  it('are Ready, each with its own address and range of pod addresses', async () => {
    const { items } = JSON.parse(await cluster.ok('get nodes -o json')) as {
      items: {
        metadata: { name: string };
        spec: { podCIDR: string };
        status: { addresses: { type: string; address: string }[] };
      }[];
    };
    assert.deepEqual(items.map(({ metadata }) => metadata.name).toSorted(), names.toSorted());
    const addresses = items.flatMap(({ status }) =>
      status.addresses.filter(({ type }) => type === 'InternalIP').map(({ address }) => address),
    );
    assert.equal(new Set(addresses).size, COUNT);
    assert.equal(new Set(items.map(({ spec }) => spec.podCIDR)).size, COUNT);
  });

  it('carry packets of pods to pods of each other, under their own addresses', async () => {
    for (const from of pods)
      for (const to of pods) {
        const seen = await inPod(from, `wget -qO- http://${to.ip}:8080/cgi-bin/me`);
        assert.ok(seen.endsWith(`:${from.ip}]`), `${from.node} to ${to.node}: ${seen}`);
      }
  });

  it('answer names, and Services with pods of all nodes', async () => {
    for (const from of pods) {
      const answers = await inPod(
        from,
        'for i in 1 2 3 4 5 6; do wget -qO- http://web.default.svc.cluster.local/cgi-bin/me; echo; done',
      );
      assert.equal(answers.split('\n').length, 6, from.node);
    }
  });

  it('serve node ports at the address of each, to the machine and to pods of each', async () => {
    const port = await cluster.ok('get service web -o jsonpath={.spec.ports[0].nodePort}');
    for (const name of names) {
      const jsonpath = 'jsonpath={.status.addresses[0].address}';
      const address = await cluster.ok(['get', 'node', name, '-o', jsonpath]);
      const url = `http://${address}:${port}/cgi-bin/me`;
      for (let i = 0; i < REQUESTS; i++)
        assert.equal((await fetch(url, { signal: AbortSignal.timeout(5_000) })).status, 200, name);
      for (const pod of pods) {
        const before = await retransmitted(pod);
        const script = `for i in ${'x '.repeat(REQUESTS)}; do wget -qO- ${url} || exit; echo; done`;
        const answers = await inPod(pod, script);
        assert.equal(answers.split('\n').length, REQUESTS, `${pod.node} to ${name}`);
        // One that was dropped on its way to a pod is sent again, to another.
        assert.equal(await retransmitted(pod), before, `${pod.node} to ${name}`);
      }
    }
  });

  it('let logs and commands through to each', async () => {
    for (const pod of pods) assert.equal(await inPod(pod, 'hostname'), pod.name);
  });

  it('set one up anew whose state was wiped, and give it its pods back', async () => {
    const data = dataDirectoryAt(cluster.product.dataDirectory);
    const [directory] = otherNodeDirectories(data);
    assert.ok(directory !== undefined);
    const before = pods.find(({ node }) => directory.path.endsWith(`/${node}`));
    assert.ok(before !== undefined);
    const killed = ['node', 'containerd'].map((name) => runningPid(directory.run, name));
    for (const pid of killed) process.kill(pid ?? 0, 'SIGKILL');
    const away = join(cluster.directory, 'wiped');
    mkdirSync(away);
    for (const name of ['node', 'containerd', 'kubelet'])
      renameSync(join(directory.path, name), join(away, name));
    await eventually(async () => {
      if (!existsSync(nodeLayout(directory).containerdSocket)) return undefined;
      return importBusyboxTo(directory, data.images).then(
        () => true as const,
        () => undefined,
      );
    });
    await eventually(async () => {
      const [now] = (await placedPods(cluster)).filter(({ node }) => node === before.node);
      if (now === undefined) return undefined;
      const other = pods.find(({ node }) => node !== before.node);
      const { code, stdout } = await cluster.product.kubectl([
        'exec',
        now.name,
        '--',
        'wget',
        '-qO-',
        `http://${other?.ip}:8080/cgi-bin/me`,
      ]);
      return code === 0 && stdout.includes(`:${now.ip}]`) ? true : undefined;
    });
    await unmountBelow(realProcesses(), [away]);
  });

  it('leave nothing behind', async () => {
    const data = dataDirectoryAt(cluster.product.dataDirectory);
    const directories = [data, ...otherNodeDirectories(data)];
    const pids = directories.flatMap(({ run: folder }) =>
      ['node', 'containerd'].map((name) => runningPid(folder, name)),
    );
    assert.ok(pids.every((pid) => pid !== undefined));
    await cluster.product.stop();
    const links = readdirSync('/sys/class/net').join(' ');
    const mounts = readFileSync('/proc/mounts', 'utf8');
    const tables = (await run('nft', ['list', 'tables'])).stdout;
    const routes = (await run('ip', ['route'])).stdout;
    for (const { hash, runtimePath, run: folder } of directories) {
      assert.equal(existsSync(runtimePath), false);
      for (const text of [links, mounts, tables, routes])
        assert.doesNotMatch(text, new RegExp(hash));
      assert.equal(runningPid(folder, 'node') ?? runningPid(folder, 'containerd'), undefined);
    }
    assert.doesNotMatch(routes, /10\.24[45]\./);
  });

  /** How many segments the pod has sent again. */
  async function retransmitted(pod: PlacedPod): Promise<number> {
    const lines = (await inPod(pod, 'cat /proc/net/snmp')).split('\n');
    const [names = '', values = ''] = lines.filter((line) => line.startsWith('Tcp:'));
    return Number(values.split(' ')[names.split(' ').indexOf('RetransSegs')]);
  }

  function inPod({ name }: PlacedPod, script: string): Promise<string> {
    return cluster.ok(['exec', name, '--', 'sh', '-c', script]).then((text) => text.trim());
  }
});

function daemonSet(): object {
  const labels = { app: 'web' };
  const container = {
    name: 'main',
    image: BUSYBOX,
    command: ['sh', '-c', SERVER],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
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

function service(): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web' },
    spec: {
      type: 'NodePort',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 8080 }],
    },
  };
}

async function placedPods(cluster: RealCluster): Promise<PlacedPod[]> {
  const { items } = JSON.parse(await cluster.ok('get pods -l app=web -o json')) as {
    items: {
      metadata: { name: string };
      spec: { nodeName: string };
      status: { podIP: string };
    }[];
  };
  return items.map(({ metadata, spec, status }) => ({
    name: metadata.name,
    node: spec.nodeName,
    ip: status.podIP,
  }));
}
