/**
 * A machine joins: a network namespace with its own address stands for it, and runs `cox join`. Its
 * pods are reached from the first machine, and when it is drained and reset nothing is left of it.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import {
  giveImages,
  JOINING_ADDRESSES,
  type JoiningMachine,
  openJoiningMachine,
} from './joining-machine.ts';
import { unlessReal } from './needs.ts';
import { eventually, type Output, run, startProduct, type Product } from './product.ts';
import { removeDirectory, temporaryDirectory } from './product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { importBusyboxTo, podManifest } from './real-cluster.ts';

const skip = unlessReal('a machine that joins');
const NODE = 'joined';
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
  let machine: JoiningMachine;
  let command: string[] = [];

  const cox = (...args: string[]): Promise<Output> =>
    run(process.execPath, ['bin/cox.mjs', ...args], {
      timeoutMs: 120_000,
      environment: { KUBECONFIG: product.kubeconfig },
    });

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
    machine = openJoiningMachine([host]);
  });
  after(async () => {
    await machine?.close();
    await product?.stop();
    removeDirectory(directory);
  });

  it('is told how by a token', async () => {
    const { code, stdout, stderr } = await cox('token', 'create', '--print-join-command');
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^cox join \S+:\d+ --token [a-z0-9]{6}\.[a-z0-9]{16} --discovery-token-ca-cert-hash sha256:[0-9a-f]{64}\n$/,
    );
    command = stdout.trim().split(' ').slice(2);
    const list = await cox('token', 'list');
    assert.match(list.stdout, new RegExp(`^TOKEN.*\\n${command[2]?.replace('.', '\\.')} +23h `));
  });

  it('becomes a node that is Ready, with a certificate that was asked for and approved', async () => {
    giveImages(dataDirectoryAt(product.dataDirectory).images, nodePath);
    await machine.join([...command, '--node-name', NODE, '--data-dir', nodePath]);
    await product.ok(`wait --for=condition=Ready node/${NODE} --timeout=60s`);
    const address = await product.ok(`get node ${NODE} -o jsonpath={.status.addresses[0].address}`);
    assert.equal(address, JOINING_ADDRESSES[0]);
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
    assert.equal(await machine.stop(), 0, machine.printed());
    // The cluster's own says 127.0.0.1, which is another machine here.
    const kubeconfig = join(directory, 'kubeconfig');
    const text = readFileSync(product.kubeconfig, 'utf8');
    writeFileSync(kubeconfig, text.replace(/https:\/\/[^"]+/, `https://${command[0]}`));
    const words = ['node', 'reset', '--data-dir', nodePath, '--delete-node'];
    const reset = await machine.cox(words, { KUBECONFIG: kubeconfig });
    assert.equal(reset.code, 0, reset.stderr + reset.stdout);
    assert.equal(existsSync(runtimePath), false);
    assert.deepEqual(existsSync(nodePath) ? readdirSync(nodePath) : [], []);
    for (const text of [
      await machine.inside('ip', 'link'),
      await machine.inside('ip', 'route'),
      await machine.inside('nft', 'list', 'tables'),
      readFileSync('/proc/mounts', 'utf8'),
      readdirSync('/sys/fs/cgroup').join(' '),
    ])
      assert.doesNotMatch(text, new RegExp(hash));
    assert.doesNotMatch(await machine.inside('ip', 'route'), /10\.24[45]\./);
    assert.match((await product.kubectl(['get', 'node', NODE])).stderr, /NotFound/);
  });
});
