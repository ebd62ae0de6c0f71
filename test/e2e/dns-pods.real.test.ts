/**
 * Names from inside pods, answered by pods of kube-system on two nodes: the same records as from the
 * DNS of each node, answers while one of the pods dies, and the way back.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { unlessReal } from './needs.ts';
import { answersRecords } from './dns-records.ts';
import { eventually, startProduct } from './product.ts';
import { type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('the cluster DNS in pods');
const ROLLED_OUT = 'rollout status -n kube-system deployment/coredns --timeout=120s';
const PODS = ['get', 'pods', '-n', 'kube-system', '-l', 'k8s-app=kube-dns', '-o'];
const QUESTIONS = 60;

describe('names answered by pods', { skip }, () => {
  let cluster: RealCluster;
  const ok = (command: string | readonly string[]): Promise<string> => cluster.ok(command);
  const nodesOfPods = async (): Promise<string[]> =>
    (await ok([...PODS, 'jsonpath={.items[*].spec.nodeName}'])).split(' ');
  answersRecords(async () => {
    cluster = await startRealCluster(['--nodes', '2', '--dns', 'pods']);
    await eventually(async () =>
      (await ok('get nodes -o name')).trim().split('\n').length === 2 ? true : undefined,
    );
    await ok('wait --for=condition=Ready node --all --timeout=60s');
    await ok(ROLLED_OUT);
    // The node that came first may have got both.
    if (new Set(await nodesOfPods()).size === 1) {
      const [name = ''] = (await ok([...PODS, 'jsonpath={.items[*].metadata.name}'])).split(' ');
      await ok(['delete', 'pod', '-n', 'kube-system', name]);
      await ok(ROLLED_OUT);
    }
    return cluster;
  });

  it('which are two, on two nodes, behind the Service', async () => {
    assert.equal(new Set(await nodesOfPods()).size, 2);
    const addresses = (await ok([...PODS, 'jsonpath={.items[*].status.podIP}'])).split(' ');
    const slices = ['get', 'endpointslices', '-n', 'kube-system'];
    const served = await ok([
      ...slices,
      '-l',
      'kubernetes.io/service-name=kube-dns',
      '-o',
      'jsonpath={.items[*].endpoints[*].addresses[*]}',
    ]);
    assert.deepEqual(served.split(' ').toSorted(), addresses.toSorted());
  });

  it('which take their settings from the ConfigMap', async () => {
    const data = JSON.stringify({ data: { hosts: '192.0.2.9 printer.example\n' } });
    await ok([
      'patch',
      'configmap',
      '-n',
      'kube-system',
      'cluster-dns',
      '--type=merge',
      '-p',
      data,
    ]);
    await eventually(async () => {
      const said = await ok('exec asker -- getent ahostsv4 printer.example');
      return said.startsWith('192.0.2.9 ') ? true : undefined;
    });
  });

  it('goes on while one of them dies', async () => {
    const [name = ''] = (await ok([...PODS, 'jsonpath={.items[*].metadata.name}'])).split(' ');
    // Each question of a new socket; a client asks once more when nobody answers.
    const script = `for i in $(seq ${QUESTIONS}); do getent ahostsv4 web.default.svc.cluster.local >/dev/null && echo yes || echo no; sleep 0.2; done`;
    const asked = ok(['exec', 'asker', '--', 'sh', '-c', script]);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    await ok(['delete', 'pod', '-n', 'kube-system', name, '--wait=false']);
    const answers = (await asked).trim().split('\n');
    assert.deepEqual(
      answers,
      Array.from({ length: QUESTIONS }, () => 'yes'),
    );
    await ok(ROLLED_OUT);
  });

  it('which go when the nodes answer again', async () => {
    const { product } = cluster;
    await product.stop();
    const { dataDirectory } = product;
    const again = await startProduct(['--example', 'none', '--dns', 'node'], { dataDirectory });
    try {
      const slices = 'get endpointslices -n kube-system -l kubernetes.io/service-name=kube-dns';
      await eventually(async () => {
        const left = await again.ok('get deployments,pods -n kube-system -o name');
        const [names, served] = [
          await again.ok(`${slices} -o name`),
          await again.ok(`${slices} -o jsonpath={.items[*].endpoints[*].addresses[*]}`),
        ];
        const isNode = names.trim().split('\n').length === 1 && served === '10.96.0.10';
        return !/coredns/.test(left) && isNode ? true : undefined;
      }, 90_000);
    } finally {
      await again.stop();
    }
  });
});
