/**
 * The certificates and the authority of a cluster are rotated while it runs: its pod goes on, the old
 * kubeconfig works until the old authority is dropped, and no longer. A machine that joined follows.
 */
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { giveImages, type JoiningMachine, openJoiningMachine } from './joining-machine.ts';
import { unlessReal } from './needs.ts';
import { eventually, type Output, run } from './product.ts';
import { type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('the rotation of certificates');
/** Where a pod finds its token, and whom it believes. */
const FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';
const NODE = 'joined';
const CONTAINER = 'get pod app -o jsonpath={.status.containerStatuses[0].containerID}';

describe('the rotation of certificates', { skip }, () => {
  let cluster: RealCluster;
  let container = '';
  let firstKubeconfig = '';
  let machine: JoiningMachine;

  const certs = async (...words: string[]): Promise<Output> =>
    run(
      process.execPath,
      ['bin/cox.mjs', 'certs', ...words, '--data-dir', cluster.product.dataDirectory],
      { timeoutMs: 300_000 },
    );
  const rotates = async (...flags: string[]): Promise<string> => {
    const { code, stdout, stderr } = await certs('rotate', ...flags);
    assert.equal(code, 0, stderr + stdout);
    return stdout;
  };
  const nodesBy = (kubeconfig: string): Promise<Output> =>
    run('kubectl', ['get', 'nodes'], { environment: { KUBECONFIG: kubeconfig } });

  /** Asked with its token, of a server that its authority vouches for. */
  const whoThePodIs = async (): Promise<string> => {
    const fileOf = (name: string): Promise<string> =>
      cluster.ok(['exec', 'app', '--', 'cat', `${FOLDER}/${name}`]);
    const authority = join(cluster.directory, 'pod-ca.crt');
    writeFileSync(authority, await fileOf('ca.crt'));
    const server = await cluster.ok('config view -o jsonpath={.clusters[0].cluster.server}');
    const { code, stdout, stderr } = await run(
      'kubectl',
      [
        'auth',
        'whoami',
        `--server=${server}`,
        `--certificate-authority=${authority}`,
        `--token=${await fileOf('token')}`,
      ],
      { environment: { KUBECONFIG: '/dev/null' } },
    );
    assert.equal(code, 0, stderr);
    return stdout;
  };

  /** The pod is the same one, its kubelet is believed and believes, and so is its token. */
  const goesOn = async (): Promise<void> => {
    await cluster.ok('wait --for=condition=Ready node --all --timeout=60s');
    assert.equal(await cluster.ok(CONTAINER), container);
    assert.match(await cluster.ok('logs app'), /^here I am\n/);
    assert.equal(await cluster.ok(['exec', 'app', '--', 'echo', 'inside']), 'inside\n');
    assert.match(await whoThePodIs(), /system:serviceaccount:default:default/);
    const check = await certs('check');
    assert.equal(check.code, 0, check.stdout + check.stderr);
  };

  /** Nobody approves those of servers by itself. */
  const approve = async (): Promise<void> => {
    const name = await eventually(async () => {
      const lines = (await cluster.ok('get csr --no-headers')).split('\n');
      return lines.find((line) => /kubelet-serving .*Pending/.test(line))?.split(' ')[0];
    }, 60_000);
    await cluster.ok(['certificate', 'approve', name]);
  };

  const joinMachine = async (): Promise<void> => {
    const { product, directory } = cluster;
    const host = await product.ok(
      'get node -o jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
    );
    machine = openJoiningMachine([host]);
    const token = await run(
      process.execPath,
      ['bin/cox.mjs', 'token', 'create', '--print-join-command'],
      { environment: { KUBECONFIG: product.kubeconfig } },
    );
    assert.equal(token.code, 0, token.stderr);
    const nodePath = join(directory, 'node');
    giveImages(dataDirectoryAt(product.dataDirectory).images, nodePath);
    const words = token.stdout.trim().split(' ').slice(2);
    await machine.join([...words, '--node-name', NODE, '--data-dir', nodePath]);
    await product.ok(`wait --for=condition=Ready node/${NODE} --timeout=60s`);
    await approve();
  };

  before(async () => {
    cluster = await startRealCluster(['--listen', '0.0.0.0:0']);
    await cluster.runPod('app', 'echo here I am; exec sleep 3600');
    container = await cluster.ok(CONTAINER);
    await joinMachine();
    firstKubeconfig = join(cluster.directory, 'first.kubeconfig');
    copyFileSync(cluster.product.kubeconfig, firstKubeconfig);
  });
  after(async () => {
    await machine?.close();
    await cluster?.close();
  });

  it('tells when certificates expire', async () => {
    const { code, stdout } = await certs('check');
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^CERTIFICATE +EXPIRES +RESIDUAL TIME +CERTIFICATE AUTHORITY\n/);
    assert.match(stdout, /^admin\.kubeconfig +\d{4}-\d\d-\d\d \d\d:\d\d UTC +36\dd +ca$/m);
    assert.match(stdout, /^\S+\/kubelet-server +.* ca$/m);
  });

  it('makes all certificates anew, and the pod goes on', async () => {
    await rotates();
    assert.notEqual(
      readFileSync(cluster.product.kubeconfig, 'utf8'),
      readFileSync(firstKubeconfig, 'utf8'),
    );
    await goesOn();
    assert.equal((await nodesBy(firstKubeconfig)).code, 0);
  });

  it('makes a new authority, and both are trusted', async () => {
    const said = await rotates('--authority');
    assert.match(said, /second authority is trusted by all\.\nThe new authority signs/);
    await goesOn();
    assert.match((await certs('check')).stdout, /^ca \(before\) /m);
    const rootCa = await cluster.ok([
      'exec',
      'app',
      '--',
      'sh',
      '-c',
      'cat /var/run/secrets/kubernetes.io/serviceaccount/ca.crt',
    ]);
    assert.equal(rootCa.match(/BEGIN CERTIFICATE/g)?.length, 2);
    const before = await nodesBy(firstKubeconfig);
    assert.equal(before.code, 0, before.stderr);
  });

  it('keeps the old one while the server of a joined machine needs it', async () => {
    const { code, stderr } = await certs('rotate', '--authority', '--finish');
    assert.equal(code, 1);
    assert.match(stderr, /^Cannot drop the old authority:\n {2}Node joined still shows [^\n]*\n$/);
    await approve();
  });

  it('drops the old one', async () => {
    // The kubelet has taken what the pod reads over too: a while after the node itself.
    const published = await cluster.ok([
      'get',
      'configmap',
      'kube-root-ca.crt',
      '-o',
      String.raw`jsonpath={.data.ca\.crt}`,
    ]);
    await eventually(async () => {
      const read = await cluster.ok(['exec', 'app', '--', 'cat', `${FOLDER}/ca.crt`]);
      return read.trim() === published.trim() ? true : undefined;
    });
    await eventually(async () => {
      const node = await cluster.product.kubectl([
        'get',
        '--raw',
        `/api/v1/nodes/${NODE}/proxy/pods`,
      ]);
      return node.code === 0 ? true : undefined;
    });
    assert.match(await rotates('--authority', '--finish'), /One authority is trusted/);
    await goesOn();
    const refused = await nodesBy(firstKubeconfig);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /certificate/);
    // Nor is it believed itself, whoever the server is.
    const anonymous = await run('kubectl', ['get', 'nodes', '--insecure-skip-tls-verify'], {
      environment: { KUBECONFIG: firstKubeconfig },
    });
    assert.notEqual(anonymous.code, 0);
  });
});
