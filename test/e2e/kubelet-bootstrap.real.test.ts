/**
 * TLS bootstrap by a whole `cox kubelet` with real containers: it has a token and no certificate, asks
 * for one, becomes a Node with it, runs pods, and needs the token no more when it is started anew.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Node } from '../../src/api/gen/core-v1.ts';
import { CLUSTER_DEFAULTS } from '../../src/cli/cluster-config.ts';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { chooseListen } from '../../src/cli/listen-address.ts';
import type { NodeConfig } from '../../src/cli/node-config.ts';
import { nodeLayout } from '../../src/cli/node-layout.ts';
import { bridgeName, NodeNetwork } from '../../src/cli/node-network.ts';
import { RealNode } from '../../src/cli/node-set-up.ts';
import { refuseSecondCluster } from '../../src/cli/other-clusters.ts';
import { machineAddresses } from '../../src/cli/own-addresses.ts';
import { installPrerequisites } from '../../src/cli/prerequisites.ts';
import { Progress } from '../../src/cli/progress.ts';
import { cleanUpJoinedNode } from '../../src/cli/real-nodes.ts';
import { Supervisor } from '../../src/cli/supervisor.ts';
import { realEnvironment } from '../../src/edge/environment.ts';
import { realProcesses } from '../../src/edge/processes.ts';
import { cniConfigList } from '../../src/kubelet/network/cni-config.ts';
import { unlessReal } from './needs.ts';
import { eventually, type Product, removeDirectory, run, startProduct } from './product.ts';
import { temporaryDirectory } from './product.ts';
import { importBusyboxTo, podManifest } from './real-cluster.ts';

const skip = unlessReal('a kubelet that asks for its certificate');
const NODE = 'asker';
/** Of the configuration that it is started with: seen in its Node. */
const MAX_PODS = 7;

describe('cox kubelet without a certificate', { skip }, () => {
  const directory = temporaryDirectory();
  const machine = dataDirectoryAt(join(directory, 'machine'));
  const layout = nodeLayout(machine);
  const own = join(directory, 'kubelet');
  const paths = {
    bootstrap: join(own, 'bootstrap.kubeconfig'),
    kubeconfig: join(own, 'kubeconfig'),
    config: join(own, 'config.json'),
    authority: join(own, 'ca.crt'),
    certificates: join(own, 'pki'),
  };
  const current = join(paths.certificates, 'kubelet-client-current.pem');
  const processes = realProcesses();
  const environment = realEnvironment({ logLevel: 'error' });
  const supervisor = new Supervisor({ environment, directory: machine });
  let product: Product;
  let config: NodeConfig;
  let node: RealNode | undefined;

  /** The network of pods, which is not the kubelet's, once the Node has a range. */
  const giveNetwork = async (podCidr: string): Promise<void> => {
    const { clusterDomain: _, ...network } = CLUSTER_DEFAULTS;
    await new NodeNetwork({
      hash: machine.hash,
      processes,
      clusterPodCidr: network.podCidr,
      serviceCidr: network.serviceClusterIpRange,
      dnsAddress: network.dnsAddress,
      nodeAddresses: [config.address],
    }).setPodCidr(podCidr);
    const text = cniConfigList({
      podCidrs: [podCidr],
      bridge: bridgeName(machine.hash),
      stateDirectory: layout.cniDataDirectory,
    });
    writeFileSync(join(layout.cniConfigDirectory, '10-test.conflist'), text);
  };
  const nodeOf = async (): Promise<Node> =>
    JSON.parse(await product.ok(['get', 'node', NODE, '-o', 'json'])) as Node;
  const untilReady = async (): Promise<void> => {
    await product.ok(`wait --for=condition=Ready node/${NODE} --timeout=60s`);
  };
  const runToItsEnd = async (name: string): Promise<string> => {
    const pod = podManifest(name, 'echo from $NODE', {
      spec: { nodeName: NODE, restartPolicy: 'Never' },
      container: {
        env: [{ name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } }],
        terminationMessagePolicy: 'FallbackToLogsOnError',
        command: ['sh', '-c', 'echo from $NODE > /dev/termination-log'],
      },
    });
    await product.ok('create -f -', JSON.stringify(pod));
    await product.ok(`wait --for=jsonpath={.status.phase}=Succeeded pod/${name} --timeout=60s`);
    const path = '{.status.containerStatuses[0].state.terminated.message}';
    return product.ok(`get pod ${name} -o jsonpath=${path}`);
  };

  before(async () => {
    refuseSecondCluster(machine);
    await installPrerequisites({ processes, progress: new Progress(() => {}) });
    product = await startProduct(['--simulated-nodes', '1', '--example', 'none'], {
      dataDirectory: join(directory, 'data'),
    });
    mkdirSync(own, { recursive: true, mode: 0o700 });
    const [address = ''] = machineAddresses();
    const { port: kubeletPort } = await chooseListen({ host: address, port: 0 });
    const { server, authority } = clusterOf(product.kubeconfig);
    const words = ['bin/cox.mjs', 'token', 'create'];
    const printed = await run(process.execPath, words, {
      environment: { KUBECONFIG: product.kubeconfig },
    });
    assert.equal(printed.code, 0, printed.stderr);
    writeFileSync(paths.authority, authority);
    writeFileSync(
      paths.bootstrap,
      JSON.stringify(bootstrapKubeconfig({ server, authority, token: printed.stdout.trim() })),
      { mode: 0o600 },
    );
    const { podCidr, serviceClusterIpRange, dnsAddress, clusterDomain } = CLUSTER_DEFAULTS;
    writeFileSync(
      paths.config,
      JSON.stringify({
        apiVersion: 'kubelet.config.k8s.io/v1beta1',
        kind: 'KubeletConfiguration',
        address,
        port: kubeletPort,
        healthzPort: 0,
        containerRuntimeEndpoint: `unix://${layout.containerdSocket}`,
        cgroupRoot: `/${layout.cgroup}`,
        podLogsDir: layout.podLogs,
        authentication: { x509: { clientCAFile: paths.authority } },
        rotateCertificates: true,
        clusterDNS: [dnsAddress],
        clusterDomain,
        failCgroupV1: false,
        failSwapOn: false,
        evictionHard: { 'memory.available': '50Mi' },
        maxPods: MAX_PODS,
      }),
    );
    config = {
      name: NODE,
      hostname: hostname(),
      address,
      kubeletPort,
      apiServer: { host: '127.0.0.1', port: 1 },
      podCidr,
      serviceClusterIpRange,
      dnsAddress,
      clusterDomain,
      podNetwork: 'direct',
      sysfs: '/sys',
    };
    const nothing = { certificate: '', key: '' };
    node = new RealNode({
      directory: machine,
      config,
      identity: () => ({
        authority,
        kubeletClient: nothing,
        kubeletServer: nothing,
        proxy: nothing,
        dns: nothing,
      }),
      images: machine.images,
      registries: machine.registries,
      supervisor,
      environment,
      progress: new Progress(() => {}),
      self: inPlaceOfNode([
        process.execPath,
        join(process.cwd(), 'bin', 'cox.ts'),
        'kubelet',
        `--bootstrap-kubeconfig=${paths.bootstrap}`,
        `--kubeconfig=${paths.kubeconfig}`,
        `--config=${paths.config}`,
        `--cert-dir=${paths.certificates}`,
        `--root-dir=${layout.kubeletRoot}`,
        `--hostname-override=${NODE}`,
        `--node-ip=${address}`,
      ]),
    });
    mkdirSync(machine.images, { recursive: true, mode: 0o700 });
    await node.prepare();
    await node.start();
    await importBusyboxTo(machine, machine.images);
  });
  after(async () => {
    supervisor.beginShutdown();
    await node?.stop();
    if (config !== undefined) await cleanUpJoinedNode(machine, config);
    await product?.stop();
    removeDirectory(directory);
  });

  it('asks for one with its token, and gets it approved and signed', async () => {
    const line = await eventually(async () => {
      const lines = (await product.ok('get csr --no-headers')).split('\n');
      return lines.find((each) => each.includes('Approved,Issued'));
    }, 60_000);
    assert.match(
      line,
      /kubernetes\.io\/kube-apiserver-client-kubelet +system:bootstrap:[a-z0-9]{6} .* Approved,Issued/,
    );
    await eventually(async () => (existsSync(paths.kubeconfig) ? true : undefined));
    assert.match(
      new X509Certificate(readFileSync(current)).subject,
      /O=system:nodes\nCN=system:node:asker$/,
    );
    const written = JSON.parse(readFileSync(paths.kubeconfig, 'utf8')) as Kubeconfig;
    assert.deepEqual(written.users[0]?.user, {
      'client-certificate': current,
      'client-key': current,
    });
  });

  it('becomes a Node of its configuration, Ready when its pods have a network', async () => {
    const found = await eventually(async () => {
      const { spec, status } = await nodeOf();
      const ready = status?.conditions?.find(({ type }) => type === 'Ready');
      return spec?.podCIDR !== undefined && ready?.status === 'False' ? await nodeOf() : undefined;
    });
    assert.equal(found.status?.capacity?.['pods'], String(MAX_PODS));
    await giveNetwork(found.spec?.podCIDR ?? '');
    await untilReady();
  });

  it('runs a pod', async () => {
    assert.equal(await runToItsEnd('first'), `from ${NODE}\n`);
  });

  it('goes on without the token when it is started anew', async () => {
    rmSync(paths.bootstrap);
    const before = readFileSync(current, 'utf8');
    const renewed = async () => product.ok(`get lease -n kube-node-lease ${NODE} -o yaml`);
    supervisor.kill('node');
    const lease = await renewed();
    await eventually(async () => ((await renewed()) === lease ? undefined : true), 60_000);
    assert.equal(await runToItsEnd('second'), `from ${NODE}\n`);
    assert.equal(readFileSync(current, 'utf8'), before);
    assert.equal((await product.ok('get csr --no-headers')).trim().split('\n').length, 1);
  });
});

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: {
      readonly server: string;
      readonly 'certificate-authority-data': string;
    };
  }[];
  readonly users: readonly { readonly user: object }[];
}

function clusterOf(path: string): { readonly server: string; readonly authority: string } {
  const [first] = (JSON.parse(readFileSync(path, 'utf8')) as Kubeconfig).clusters;
  const { server = '', 'certificate-authority-data': authority = '' } = first?.cluster ?? {};
  return { server, authority: Buffer.from(authority, 'base64').toString() };
}

function bootstrapKubeconfig(facts: {
  readonly server: string;
  readonly authority: string;
  readonly token: string;
}): object {
  const { server, authority, token } = facts;
  const data = Buffer.from(authority).toString('base64');
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': data } }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
}

/** The product starts its node process with words of its own behind ours; a shell drops them. */
function inPlaceOfNode([command = '', ...args]: readonly string[]) {
  const words = args.map((_, i) => `"$${i + 1}"`).join(' ');
  return { command: '/bin/sh', args: ['-c', `exec "$0" ${words}`, command, ...args] };
}
