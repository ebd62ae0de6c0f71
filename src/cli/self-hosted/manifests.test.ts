/** The control plane's manifests say to its components what the all-in-one process is told. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import { textResponse } from '#apiserver/respond.ts';
import { serveHttp } from '#edge/http-server.ts';
import { readManifest } from '#kubelet/static/manifest.ts';
import { API_SERVER } from '../apiserver/flags.ts';
import { apiServerOptions } from '../apiserver/options.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig } from '../cluster-config.ts';
import { clusterServerOptions } from '../cluster-server-options.ts';
import { chooseRanges, serviceAddresses } from '../cluster-ranges.ts';
import { CONTROLLER_MANAGER } from '../controller-manager/flags.ts';
import { controllerOptions, poolsOf } from '../controller-manager/options.ts';
import { chosenControllers } from '../controller-manager/selection.ts';
import { parseFlags } from '../flags.ts';
import { readAccess } from '../kube-client.ts';
import { openPki } from '../pki.ts';
import { SCHEDULER } from '../scheduler/flags.ts';
import { answersAsOwn } from './answers.ts';
import {
  removeManifests,
  replaceManifests,
  writeComponentKubeconfigs,
  writeManifests,
} from './files.ts';
import { controlPlaneManifests, type HostedFacts, type ManifestName } from './manifests.ts';

const CONFIG: ClusterConfig = {
  ...CLUSTER_DEFAULTS,
  listenHost: '127.0.0.1',
  listenPort: 7443,
  nodeName: 'n1',
  nodeAddress: '192.0.2.10',
  simulatedNodes: 0,
};
const FACTS: HostedFacts = {
  config: CONFIG,
  image: { reference: 'coxswain.local/coxswain:1', key: 'abc' },
  pki: '/d/pki',
  store: '/d/store',
  certificates: 'def',
};
/** Clusters of both families, either first. */
const BOTH: readonly ClusterConfig[] = [
  { nodeAddress: '192.0.2.10', secondNodeAddress: '2001:db8::a' },
  { nodeAddress: '2001:db8::a', secondNodeAddress: '192.0.2.10' },
].map((addresses) => {
  const isFirst = addresses.nodeAddress.includes(':');
  const order = (...ranges: string[]): string => (isFirst ? ranges.toReversed() : ranges).join();
  const ranges = chooseRanges(
    {
      podNetworkCidr: order('10.244.0.0/16', 'fd00:10:244::/48'),
      serviceCidr: order('10.96.0.0/16', 'fd00:10:96::/112'),
    },
    undefined,
  );
  return { ...CONFIG, ...ranges, ...serviceAddresses(ranges), ...addresses };
});
type Ending = { after(end: () => void): void };

function podOf(name: ManifestName, facts: Partial<HostedFacts> = {}): Pod {
  const text = controlPlaneManifests({ ...FACTS, ...facts }).get(name) ?? '';
  const { pod, problems } = readManifest(Buffer.from(text), {
    path: `/m/${name}`,
    nodeName: 'n1',
  });
  assert.deepEqual(problems, []);
  return pod;
}

function podIn(folder: string): Pod {
  const path = join(folder, 'kube-apiserver.yaml');
  return readManifest(readFileSync(path), { path, nodeName: 'n1' }).pod;
}

function argsOf(name: ManifestName, config: Partial<ClusterConfig> = {}): string[] {
  const pod = podOf(name, { config: { ...CONFIG, ...config } });
  const [container] = pod.spec?.containers ?? [];
  return container?.args ?? [];
}

function folderFor(t: Ending): string {
  const folder = mkdtempSync(join(tmpdir(), 'hosted-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function pkiIn(folder: string) {
  return openPki({
    folder,
    nowMs: Date.now(),
    serverAddresses: ['127.0.0.1'],
    serverNames: [],
    kubernetesAddress: '10.96.0.1',
    clusterDomain: 'cluster.local',
  });
}

/** As they are in the container. */
const withFilesOf =
  (folder: string) =>
  (args: string[]): string[] =>
    args.slice(1).map((arg) => arg.replaceAll('/etc/kubernetes/pki', folder));

describe('the manifests of the control plane', () => {
  it('are pods as kubeadm has them', () => {
    const rows = [
      ['kube-apiserver', '250m'],
      ['kube-controller-manager', '200m'],
      ['kube-scheduler', '100m'],
    ] as const;
    for (const [component, cpu] of rows) {
      const { metadata, spec } = podOf(`${component}.yaml`);
      assert.equal(metadata?.name, `${component}-n1`);
      assert.equal(metadata?.namespace, 'kube-system');
      assert.deepEqual(metadata?.labels, { component, tier: 'control-plane' });
      assert.equal(metadata?.annotations?.['coxswain.dev/program'], 'abc');
      assert.equal(metadata?.annotations?.['coxswain.dev/certificates'], 'def');
      assert.equal(spec?.priorityClassName, 'system-node-critical');
      assert.equal(spec?.priority, 2_000_001_000);
      assert.equal(spec?.hostNetwork, true);
      assert.deepEqual(spec?.securityContext, { seccompProfile: { type: 'RuntimeDefault' } });
      const [container] = spec?.containers ?? [];
      assert.equal(container?.name, component);
      assert.equal(container?.image, 'coxswain.local/coxswain:1');
      assert.equal(container?.imagePullPolicy, 'IfNotPresent');
      assert.deepEqual(container?.resources, { requests: { cpu } });
    }
  });

  it('have kubeadm’s probes', () => {
    const times = { timeoutSeconds: 15, successThreshold: 1 };
    const of = (host: string, path: string) => ({
      httpGet: { host, path, port: 'probe-port', scheme: 'HTTPS' },
    });
    const live = { initialDelaySeconds: 10, periodSeconds: 10, ...times };
    const rows = [
      ['kube-apiserver.yaml', '192.0.2.10', 7443, '/livez', '/readyz'],
      ['kube-controller-manager.yaml', '127.0.0.1', 10_257, '/healthz', undefined],
      ['kube-scheduler.yaml', '127.0.0.1', 10_259, '/livez', '/readyz'],
    ] as const;
    for (const [name, host, port, path, ready] of rows) {
      const [container] = podOf(name).spec?.containers ?? [];
      assert.deepEqual(container?.livenessProbe, {
        ...of(host, path),
        ...live,
        failureThreshold: 8,
      });
      assert.deepEqual(container?.startupProbe, {
        ...of(host, path),
        ...live,
        failureThreshold: 24,
      });
      assert.deepEqual(
        container?.readinessProbe,
        ready && { ...of(host, ready), ...times, periodSeconds: 1, failureThreshold: 3 },
      );
      assert.equal(container?.ports?.[0]?.containerPort, port);
    }
  });

  it('see the files of the node that they need, and no others', () => {
    const mounts = (name: ManifestName): string[] => {
      const { containers = [], volumes = [] } = podOf(name).spec ?? {};
      return (containers[0]?.volumeMounts ?? []).map((mount) => {
        const path = volumes.find((volume) => volume.name === mount.name)?.hostPath?.path;
        return `${path} ${mount.mountPath} ${mount.readOnly === true ? 'ro' : 'rw'}`;
      });
    };
    assert.deepEqual(mounts('kube-apiserver.yaml'), [
      '/d/pki /etc/kubernetes/pki ro',
      '/d/store /var/lib/coxswain/store rw',
    ]);
    assert.deepEqual(mounts('kube-controller-manager.yaml'), [
      '/d/pki /etc/kubernetes/pki ro',
      '/d/pki/controller-manager.conf /etc/kubernetes/controller-manager.conf ro',
    ]);
    assert.deepEqual(mounts('kube-scheduler.yaml'), [
      '/d/pki/scheduler.conf /etc/kubernetes/scheduler.conf ro',
    ]);
  });

  it('tell the API server what the all-in-one process tells it', (t) => {
    const folder = folderFor(t);
    const pki = pkiIn(folder);
    const args = argsOf('kube-apiserver.yaml', {
      featureGates: 'CBORServingAndStorage=true',
      runtimeConfig: 'api/beta=false',
      history: { retentionMs: 1_500, maxBytes: 4096, keepSecrets: true },
    });
    assert.equal(args[0], 'apiserver');
    const flags = parseFlags(API_SERVER, withFilesOf(folder)(args));
    const options = apiServerOptions(flags);
    const {
      kubelets: _,
      trustedServiceAccountKeys,
      ...expected
    } = clusterServerOptions(CONFIG, pki);
    // The flag names the key that signs too.
    const own = readFileSync(join(folder, 'sa.pub'), 'utf8');
    assert.deepEqual(options.trustedServiceAccountKeys, [
      own,
      ...(trustedServiceAccountKeys ?? []),
    ]);
    for (const [name, value] of Object.entries(expected))
      assert.deepEqual(options[name as keyof typeof options], value, name);
    const { authority, certificate, key } = options.frontProxy ?? {};
    assert.deepEqual(
      { authority, certificate, key },
      { ...pki.frontProxyClient, authority: pki.frontProxyAuthority.certificate },
    );
    assert.deepEqual(options.history, { retentionMs: 1_500, maxBytes: 4096, keepSecrets: true });
    assert.equal(options.featureGates?.enabled('CBORServingAndStorage'), true);
    assert.equal(flags.text('runtime-config'), 'api/beta=false');
    assert.equal(flags.file('tls-cert-file'), pki.apiServer.certificate);
    assert.equal(flags.file('tls-private-key-file'), pki.apiServer.key);
    assert.equal(flags.file('kubelet-client-key'), pki.apiServerKubeletClient.key);
    assert.equal(`${flags.text('data-dir')}/store`, '/var/lib/coxswain/store');
  });

  it('give the API server what was chosen for it, and the folders of its files', () => {
    const apiServerArguments = [
      'audit-policy-file=/etc/audit/policy.yaml',
      'audit-log-path=/srv/logs/audit.log',
      'max-requests-inflight=7',
    ];
    const args = argsOf('kube-apiserver.yaml', { apiServerArguments });
    assert.ok(
      args.includes('--audit-policy-file=/etc/kubernetes/chosen/audit-policy-file/policy.yaml'),
    );
    assert.ok(args.includes('--audit-log-path=/etc/kubernetes/chosen/audit-log-path/audit.log'));
    assert.ok(args.includes('--max-requests-inflight=7'));
    const config = { ...CONFIG, apiServerArguments };
    const { containers = [], volumes = [] } = podOf('kube-apiserver.yaml', { config }).spec ?? {};
    const paths = volumes.map(({ hostPath }) => `${hostPath?.path} ${hostPath?.type}`);
    assert.deepEqual(paths.slice(2), [
      '/etc/audit DirectoryOrCreate',
      '/srv/logs DirectoryOrCreate',
    ]);
    const places = (containers[0]?.volumeMounts ?? []).map(
      ({ mountPath, readOnly }) => `${mountPath} ${readOnly}`,
    );
    assert.deepEqual(places.slice(2), [
      '/etc/kubernetes/chosen/audit-policy-file true',
      '/etc/kubernetes/chosen/audit-log-path undefined',
    ]);
    const printed = argsOf('kube-apiserver.yaml', { apiServerArguments: ['audit-log-path=-'] });
    assert.ok(printed.includes('--audit-log-path=-'));
  });

  it('listen where the cluster is to listen', () => {
    const rows = [
      ['127.0.0.1', '0.0.0.0'],
      ['192.0.2.10', '192.0.2.10'],
      ['0.0.0.0', '0.0.0.0'],
      ['::', '::'],
    ] as const;
    for (const [listenHost, address] of rows)
      assert.ok(
        argsOf('kube-apiserver.yaml', { listenHost }).includes(`--bind-address=${address}`),
      );
    for (const config of BOTH) {
      const { nodeAddress: listenHost } = config;
      assert.ok(
        argsOf('kube-apiserver.yaml', { ...config, listenHost }).includes(
          `--bind-address=${listenHost}`,
        ),
      );
    }
  });

  it('tell them of both families, and the addresses of the first', (t) => {
    const folder = folderFor(t);
    const pki = pkiIn(folder);
    for (const config of BOTH) {
      const { nodeAddress } = config;
      const args = argsOf('kube-apiserver.yaml', config);
      const options = apiServerOptions(parseFlags(API_SERVER, withFilesOf(folder)(args)));
      const { serviceClusterIpRange, advertise } = clusterServerOptions(config, pki);
      assert.equal(options.serviceClusterIpRange, serviceClusterIpRange);
      assert.deepEqual(options.advertise, advertise);
      assert.ok(args.includes('--bind-address=::'));
      const { metadata, spec } = podOf('kube-apiserver.yaml', { config });
      assert.equal(spec?.containers[0]?.livenessProbe?.httpGet?.host, nodeAddress);
      assert.equal(
        metadata?.annotations?.['kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint'],
        nodeAddress.includes(':') ? '[2001:db8::a]:7443' : '192.0.2.10:7443',
      );
      const flags = parseFlags(
        CONTROLLER_MANAGER,
        withFilesOf(folder)(argsOf('kube-controller-manager.yaml', config)),
      );
      const { clusterCidrs, serviceCidrs } = controllerOptions(flags).nodeIpam ?? {};
      assert.equal(clusterCidrs?.join(), config.podCidr);
      assert.equal(serviceCidrs?.join(), config.serviceClusterIpRange);
      writeComponentKubeconfigs(folder, config, pki);
      const { connection } = readAccess(join(folder, 'scheduler.conf'));
      assert.equal(connection.host, nodeAddress);
    }
  });

  it('tell the controllers what the all-in-one process tells them', (t) => {
    const folder = folderFor(t);
    const pki = pkiIn(folder);
    const args = argsOf('kube-controller-manager.yaml', {
      loadBalancerPools: ['a=192.0.2.0/28,192.0.2.32/28', 'b=198.51.100.0/24'],
    });
    assert.equal(args[0], 'controller-manager');
    const flags = parseFlags(CONTROLLER_MANAGER, withFilesOf(folder)(args));
    const options = controllerOptions(flags);
    assert.equal(options.rootCa, pki.authority.certificate);
    assert.equal(options.serviceAccountKey, pki.serviceAccountKey);
    assert.equal(options.signingCa?.key, pki.authority.key);
    assert.deepEqual(options.nodeIpam?.clusterCidrs, [CONFIG.podCidr]);
    assert.deepEqual(
      poolsOf(flags).map(({ name, ranges }) => [name, ranges.length]),
      [
        ['a', 2],
        ['b', 1],
      ],
    );
    const names = chosenControllers(flags.list('controllers')).map(({ name }) => name);
    assert.ok(names.includes('bootstrap-signer-controller'));
    assert.ok(names.includes('token-cleaner-controller'));
    assert.equal(flags.isOn('use-service-account-credentials'), true);
    assert.deepEqual(poolsOf(parseFlags(CONTROLLER_MANAGER, [])), []);
    assert.throws(
      () => poolsOf(parseFlags(CONTROLLER_MANAGER, ['--load-balancer-pools=x'])),
      /--load-balancer-pools/,
    );
  });

  it('have the scheduler listen to this machine alone', () => {
    const [command, ...args] = argsOf('kube-scheduler.yaml');
    assert.equal(command, 'scheduler');
    const flags = parseFlags(SCHEDULER, args);
    assert.equal(flags.text('bind-address'), '127.0.0.1');
    assert.equal(flags.text('kubeconfig'), '/etc/kubernetes/scheduler.conf');
  });

  it('are the same for the same program and certificates, and others for others', () => {
    const text = (key: string, certificates = 'def'): string[] => [
      ...controlPlaneManifests({
        ...FACTS,
        image: { ...FACTS.image, key },
        certificates,
      }).values(),
    ];
    assert.deepEqual(text('abc'), text('abc'));
    for (const others of [text('abd'), text('abc', 'deg')])
      for (const [at, other] of others.entries()) assert.notEqual(other, text('abc')[at]);
  });
});

describe('the files of a control plane in pods', () => {
  it('are written, and taken away again, with nobody else’s', (t) => {
    const folder = folderFor(t);
    writeFileSync(join(folder, 'other.yaml'), '');
    assert.equal(removeManifests(folder), false);
    writeManifests(folder, controlPlaneManifests(FACTS));
    assert.equal(readdirSync(folder).length, 4);
    assert.equal(removeManifests(folder), true);
    assert.deepEqual(readdirSync(folder), ['other.yaml']);
  });

  it('have the pods of others ended first, unless a kubelet does', async (t) => {
    const folder = folderFor(t);
    const has = (): string =>
      existsSync(join(folder, 'kube-apiserver.yaml'))
        ? (podIn(folder).metadata?.annotations?.['coxswain.dev/certificates'] ?? '')
        : 'none';
    const endedAt = async (certificates: string, kubeletRuns = false): Promise<string[]> => {
      const ended: string[] = [];
      await replaceManifests(folder, controlPlaneManifests({ ...FACTS, certificates }), {
        kubeletRuns,
        endPods: async () => void ended.push(has()),
      });
      assert.equal(has(), certificates);
      return ended;
    };
    assert.deepEqual(await endedAt('a'), []);
    assert.deepEqual(await endedAt('a'), []);
    assert.deepEqual(await endedAt('b'), ['a']);
    assert.deepEqual(await endedAt('c', true), []);
    // Somebody took one away: the others go on.
    rmSync(join(folder, 'kube-scheduler.yaml'));
    assert.deepEqual(await endedAt('c'), []);
    assert.equal(readdirSync(folder).length, 3);
  });

  it('lead the components to the API server, each as itself', (t) => {
    const folder = folderFor(t);
    const pki = pkiIn(folder);
    writeComponentKubeconfigs(folder, CONFIG, pki);
    for (const [file, identity] of [
      ['controller-manager.conf', pki.controllerManager],
      ['scheduler.conf', pki.scheduler],
    ] as const) {
      const { connection, tls } = readAccess(join(folder, file));
      assert.deepEqual([connection.host, connection.port], ['192.0.2.10', 7443]);
      assert.equal(tls.cert, identity.certificate);
      assert.equal(tls.ca, pki.authority.certificate);
    }
  });
});

describe('answersAsOwn', () => {
  it('is true for a server of the cluster alone', async (t) => {
    const [own, foreign] = [folderFor(t), folderFor(t)];
    const { certificate: cert, key } = pkiIn(own).apiServer;
    pkiIn(foreign);
    const server = await serveHttp({
      handler: async () => textResponse(401, 'who are you?'),
      host: '127.0.0.1',
      port: 0,
      tls: { cert, key },
    });
    t.after(() => server.close({ graceMs: 0 }).then(() => {}));
    const at = { listenHost: '0.0.0.0', listenPort: server.port };
    assert.equal(await answersAsOwn({ pki: own }, at), true);
    assert.equal(await answersAsOwn({ pki: foreign }, at), false);
    assert.equal(await answersAsOwn({ pki: '/nonexistent' }, at), false);
    await server.close({ graceMs: 0 });
    assert.equal(await answersAsOwn({ pki: own }, at), false);
  });
});
