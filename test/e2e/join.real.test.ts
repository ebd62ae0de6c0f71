/**
 * A machine joins: a network namespace with its own address stands for it, and runs `cox join`. Its
 * pods are reached from the first machine, and when it is drained and reset nothing is left of it.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { sh } from '../kit/network-namespaces.ts';
import { unlessReal } from './needs.ts';
import { eventually, type Output, run, startProduct, type Product } from './product.ts';
import { removeDirectory, temporaryDirectory } from './product.ts';
import { BUSYBOX, importBusyboxTo, podManifest } from './real-cluster.ts';

const skip = unlessReal('a machine that joins');
const MACHINE = 'coxjoin';
const NODE = 'joined';
const INNER = '10.246.0.2';
const OUTER = '10.246.0.1';
const DEPLOYMENT = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        nodeSelector: { 'kubernetes.io/hostname': NODE },
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'main',
            image: BUSYBOX,
            command: [
              'sh',
              '-c',
              'mkdir /www; echo joined > /www/index.html; httpd -f -p 8080 -h /www',
            ],
            readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
          },
        ],
      },
    },
  },
};

describe('a machine that joins a cluster', { skip }, () => {
  const directory = temporaryDirectory();
  const nodePath = join(directory, 'node');
  let product: Product;
  let machine: { child: ChildProcess; printed(): string; exited: Promise<number | null> };
  let command: string[] = [];

  const cox = (...args: string[]): Promise<Output> =>
    run(process.execPath, ['bin/cox.mjs', ...args], {
      timeoutMs: 120_000,
      environment: { KUBECONFIG: product.kubeconfig },
    });
  const onMachine = (...args: string[]): [string, string[]] => [
    'nsenter',
    [`--net=/run/netns/${MACHINE}`, '--', process.execPath, 'bin/cox.mjs', ...args],
  ];

  /** Ctrl-C, which reaches the whole group. */
  const stopMachine = (): void => {
    const { pid, exitCode } = machine?.child ?? {};
    if (pid !== undefined && exitCode === null) process.kill(-pid, 'SIGINT');
  };

  before(async () => {
    product = await startProduct(['--example', 'none'], {
      dataDirectory: join(directory, 'data'),
      listen: '0.0.0.0:0',
    });
    const { dataDirectory } = product;
    await importBusyboxTo(
      dataDirectoryAt(dataDirectory),
      dataDirectoryAt(product.dataDirectory).images,
    );
    const wait = ['wait', '--for=condition=Ready', 'node', '--all', '--timeout=60s'];
    await eventually(async () => ((await product.kubectl(wait)).code === 0 ? true : undefined));
    const host = await product.ok(
      'get node -o jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
    );
    sh(`ip netns add ${MACHINE}
      ip link add coxj0 type veth peer name eth0 netns ${MACHINE}
      ip address add ${OUTER}/24 dev coxj0
      ip link set coxj0 up
      ip -n ${MACHINE} link set lo up
      ip -n ${MACHINE} address add ${INNER}/24 dev eth0
      ip -n ${MACHINE} link set eth0 up
      ip -n ${MACHINE} route add ${host}/32 dev eth0
      ip -n ${MACHINE} route add default via ${OUTER}`);
  });
  after(async () => {
    stopMachine();
    await machine?.exited;
    await product?.stop();
    await run('ip', ['netns', 'delete', MACHINE]);
    await run('ip', ['link', 'delete', 'coxj0']);
    removeDirectory(directory);
  });

  it('is told how by a token', async () => {
    const { code, stdout, stderr } = await cox('token', 'create', '--print-join-command');
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^cox join \S+:\d+ --token [a-z0-9]{6}\.[a-z0-9]{16} --discovery-token-ca-cert-hash sha256:[0-9a-f]{64}\n$/,
    );
    command = stdout.trim().split(' ').slice(1);
    const list = await cox('token', 'list');
    assert.match(list.stdout, new RegExp(`^TOKEN.*\\n${command[3]?.replace('.', '\\.')} +23h `));
  });

  it('becomes a node that is Ready, with a certificate that was asked for and approved', async () => {
    // It reaches no mirror of Debian to build the images of every node from.
    cpSync(dataDirectoryAt(product.dataDirectory).images, join(nodePath, 'images'), {
      recursive: true,
    });
    const [program, args] = onMachine(...command, '--node-name', NODE, '--data-dir', nodePath);
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let text = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
    const exited = new Promise<number | null>((resolve) => child.on('exit', resolve));
    machine = { child, printed: () => text, exited };
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(text);
      return text.includes('Press Ctrl-C') ? true : undefined;
    }, 120_000).catch(() => assert.fail(text));
    await product.ok(`wait --for=condition=Ready node/${NODE} --timeout=60s`);
    const address = await product.ok(`get node ${NODE} -o jsonpath={.status.addresses[0].address}`);
    assert.equal(address, INNER);
    const requests = await product.ok('get csr --no-headers');
    assert.match(
      requests,
      /kube-apiserver-client-kubelet +system:bootstrap:\S+ .* Approved,Issued/,
    );
  });

  it('runs a pod that the first machine reaches, at its address and by a Service', async () => {
    await importBusyboxTo(dataDirectoryAt(nodePath), dataDirectoryAt(product.dataDirectory).images);
    await product.ok('create -f -', JSON.stringify(DEPLOYMENT));
    await product.ok('expose deployment web --port=80 --target-port=8080');
    await product.ok('rollout status deployment/web --timeout=60s');
    const ip = await product.ok('get pod -l app=web -o jsonpath={.items[0].status.podIP}');
    const service = await product.ok('get service web -o jsonpath={.spec.clusterIP}');
    for (const url of [`http://${ip}:8080/`, `http://${service}/`])
      await eventually(async () => {
        const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) });
        return (await answer.text()) === 'joined\n' ? true : undefined;
      });
  });

  it('resolves names, and reaches the first machine’s pods', async () => {
    const server = podManifest(
      'first',
      'mkdir /w; echo first > /w/index.html; httpd -f -p 80 -h /w',
    );
    const first = await product.ok(
      'get nodes -l node-role.kubernetes.io/control-plane -o jsonpath={.items[0].metadata.name}',
    );
    const placed = { ...server, spec: { ...(server as { spec: object }).spec, nodeName: first } };
    await product.ok('create -f -', JSON.stringify(placed));
    await product.ok('wait --for=condition=Ready pod/first --timeout=60s');
    const ip = await product.ok('get pod first -o jsonpath={.status.podIP}');
    const client = podManifest(
      'client',
      `nslookup web.default.svc.cluster.local && wget -qO- http://${ip}/ && wget -qO- http://web/`,
    );
    const spec = { ...(client as { spec: object }).spec, nodeName: NODE, restartPolicy: 'Never' };
    await product.ok('create -f -', JSON.stringify({ ...client, spec }));
    await product.ok('wait --for=jsonpath={.status.phase}=Succeeded pod/client --timeout=60s');
  });

  it('lets logs through when the certificate of its server was approved', async () => {
    const name = await eventually(async () => {
      const lines = (await product.ok('get csr --no-headers')).split('\n');
      return lines.find((line) => line.includes('kubelet-serving'))?.split(' ')[0];
    });
    await product.ok(['certificate', 'approve', name]);
    await eventually(async () => {
      const { code, stdout } = await product.kubectl(['logs', 'client']);
      return code === 0 && stdout.includes('first') ? true : undefined;
    });
  });

  it('is drained', async () => {
    const { code, stdout, stderr } = await cox('node', 'drain', NODE, '--ignore-daemonsets');
    assert.equal(code, 0, stderr + stdout);
    assert.match(
      stdout,
      /^node\/joined cordoned\n[\s\S]*pod\/web-\S+ evicted\nnode\/joined drained\n$/,
    );
    const left = await product.ok(`get pods -A --field-selector spec.nodeName=${NODE} -o name`);
    assert.equal(left, '');
  });

  it('leaves nothing when it is stopped and reset', async () => {
    const { hash, runtimePath } = dataDirectoryAt(nodePath);
    stopMachine();
    assert.equal(await machine.exited, 0, machine.printed());
    // The cluster's own says 127.0.0.1, which is another machine here.
    const kubeconfig = join(directory, 'kubeconfig');
    const text = readFileSync(product.kubeconfig, 'utf8');
    writeFileSync(kubeconfig, text.replace(/https:\/\/[^"]+/, `https://${command[1]}`));
    const [program, args] = onMachine('node', 'reset', '--data-dir', nodePath, '--delete-node');
    const reset = await run(program, args, {
      timeoutMs: 60_000,
      environment: { KUBECONFIG: kubeconfig },
    });
    assert.equal(reset.code, 0, reset.stderr + reset.stdout);
    assert.equal(existsSync(runtimePath), false);
    assert.deepEqual(existsSync(nodePath) ? readdirSync(nodePath) : [], []);
    const inside = (...words: string[]) => run('ip', ['netns', 'exec', MACHINE, ...words]);
    for (const text of [
      (await inside('ip', 'link')).stdout,
      (await inside('ip', 'route')).stdout,
      (await inside('nft', 'list', 'tables')).stdout,
      readFileSync('/proc/mounts', 'utf8'),
      readdirSync('/sys/fs/cgroup').join(' '),
    ])
      assert.doesNotMatch(text, new RegExp(hash));
    assert.doesNotMatch((await inside('ip', 'route')).stdout, /10\.24[45]\./);
    assert.match((await product.kubectl(['get', 'node', NODE])).stderr, /NotFound/);
  });
});
