/**
 * A machine joins a cluster of both families of IP whose nodes reach each other's pods in a tunnel:
 * pods, Services, names and policies of both hold on it, and nothing of either is left in the end.
 */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Node, Pod, Service } from '../../src/api/gen/core-v1.ts';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import {
  giveImages,
  JOINING_ADDRESSES,
  type JoiningMachine,
  openJoiningMachine,
} from './joining-machine.ts';
import { unlessReal } from './needs.ts';
import { eventually, run } from './product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { importBusyboxTo, type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('a machine that joins a cluster of both families');
const NODE = 'joined';
const PODS = ['10.244.0.0/16', 'fd00:10:244::/48'] as const;
const SERVICES = ['10.96.0.0/16', 'fd00:10:96::/112'] as const;
/** More than a packet: what is too large for the tunnel does not come through. */
const PAGE_BYTES = 100_000;
const SERVER = [
  'mkdir -p /www/cgi-bin',
  `printf '#!/bin/sh\nprintf "content-type: text/plain\\\\r\\\\n\\\\r\\\\n$HOSTNAME $REMOTE_ADDR"\n' > /www/cgi-bin/me`,
  'chmod +x /www/cgi-bin/me',
  `head -c ${PAGE_BYTES} /dev/zero > /www/page`,
  'exec httpd -f -p 8080 -h /www',
].join('\n');
const MAX_PODS = 20;
const DROP_IN = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerLogMaxFiles: 4
containerLogMaxSize: 2Mi
`;
const CLOSED = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'closed' },
  spec: { podSelector: { matchLabels: { app: 'second' } }, policyTypes: ['Ingress'] },
};

const WORLDS = [
  { claim: 'IPv4 first, a tunnel', mode: 'vxlan', order: (both: readonly string[]) => both },
  {
    claim: 'IPv6 first, direct routes',
    mode: 'direct',
    order: (both: readonly string[]) => both.toReversed(),
  },
] as const;

/** One of them is enough for each change; `npm run soak -- --both-families` has both. */
const told = process.env['COXSWAIN_SOAK'] === '1' ? WORLDS : WORLDS.slice(0, 1);

for (const { claim, mode, order } of told)
  describe(`a machine that joins a cluster of both families: ${claim}`, { skip }, () => {
    let cluster: RealCluster;
    let machine: JoiningMachine;
    let nodePath: string;
    /** On the machine of the cluster, and on the one that joined. */
    let first: Pod;
    let second: Pod;

    const read = async <T>(kind: string, name: string): Promise<T> =>
      JSON.parse(await cluster.ok(['get', kind, name, '-o', 'json'])) as T;
    const inPod = async (pod: Pod, script: string): Promise<string> => {
      const words = ['exec', pod.metadata?.name ?? '', '--', 'sh', '-c', `${script} 2>&1; true`];
      return (await cluster.ok(words)).trim();
    };

    before(async () => {
      cluster = await startRealCluster([
        `--pod-network=${mode}`,
        `--pod-network-cidr=${order(PODS).join()}`,
        `--service-cidr=${order(SERVICES).join()}`,
        '--listen=0.0.0.0:0',
      ]);
      const { dataDirectory, kubeconfig } = cluster.product;
      const { images } = dataDirectoryAt(dataDirectory);
      const [node] = JSON.parse(await cluster.ok('get nodes -o json')).items as Node[];
      machine = openJoiningMachine(internalAddresses(node));
      nodePath = join(cluster.directory, 'node');
      giveImages(images, nodePath);
      await changeKubeletConfig(cluster, `maxPods: ${MAX_PODS}\ncontainerLogMaxFiles: 3\n`);
      const dropIns = join(cluster.directory, 'kubelet.conf.d');
      mkdirSync(dropIns);
      writeFileSync(join(dropIns, '10-logs.conf'), DROP_IN);
      const words = ['bin/cox.mjs', 'token', 'create', '--print-join-command'];
      const printed = await run(process.execPath, words, {
        environment: { KUBECONFIG: kubeconfig },
      });
      const [, , ...command] = printed.stdout.trim().split(' ');
      const flags = ['--node-name', NODE, '--data-dir', nodePath, '--config-dir', dropIns];
      await machine.join([...command, ...flags]);
      await cluster.ok(`wait --for=condition=Ready node/${NODE} --timeout=60s`);
      await importBusyboxTo(dataDirectoryAt(nodePath), images);
      const request = await eventually(async () => {
        const lines = (await cluster.ok('get csr --no-headers')).split('\n');
        return lines.find((line) => line.includes('kubelet-serving'))?.split(' ')[0];
      });
      await cluster.ok(['certificate', 'approve', request]);
      for (const [name, nodeName] of [
        ['first', node?.metadata?.name],
        ['second', NODE],
      ])
        await cluster.ok('create -f -', JSON.stringify(server(name ?? '', nodeName ?? '')));
      await cluster.ok('wait --for=condition=Ready pod/first pod/second --timeout=60s');
      first = await read('pod', 'first');
      second = await read('pod', 'second');
      await eventually(async () => ((await inPod(second, 'echo up')) === 'up' ? true : undefined));
    });
    after(async () => {
      await machine?.close();
      await cluster?.close();
    });

    it('is known by an address of each, and has a range of each, the main family first', async () => {
      const node = await read<Node>('node', NODE);
      assert.deepEqual(internalAddresses(node), order(JOINING_ADDRESSES));
      const shown = join(dataDirectoryAt(nodePath).node, 'pki', 'kubelet-server-current.pem');
      const names = new X509Certificate(readFileSync(shown)).subjectAltName ?? '';
      assert.equal(names.match(/IP Address:/g)?.length, 2, names);
      const families = order(['4', '6']).join();
      assert.equal(familiesOf(node.spec?.podCIDRs), families);
      assert.equal(familiesOf(second.status?.podIPs?.map(({ ip }) => ip)), families);
      assert.equal(familiesOf(second.status?.hostIPs?.map(({ ip }) => ip)), families);
    });

    it('has the kubelet’s settings of its cluster, and those of its machine over them', async () => {
      const { status } = await read<Node>('node', NODE);
      assert.equal(status?.capacity?.['pods'], String(MAX_PODS));
      const page = await cluster.ok(['get', '--raw', `/api/v1/nodes/${NODE}/proxy/configz`]);
      const { kubeletconfig } = JSON.parse(page) as { kubeletconfig: Record<string, unknown> };
      const { maxPods, containerLogMaxFiles, containerLogMaxSize } = kubeletconfig;
      assert.deepEqual([maxPods, containerLogMaxFiles, containerLogMaxSize], [MAX_PODS, 4, '2Mi']);
    });

    it('carries packets of pods both ways, under their own addresses, whatever their size', async () => {
      for (const [from, to] of [
        [first, second],
        [second, first],
      ] as const)
        for (const [index, { ip }] of (to.status?.podIPs ?? []).entries()) {
          const url = `http://${hostOf(ip)}:8080`;
          const own = from.status?.podIPs?.[index]?.ip ?? '';
          const seen = await inPod(from, `timeout 5 wget -qO- ${url}/cgi-bin/me`);
          assert.ok(seen.endsWith(`${own}]`), `${own} to ${ip}: ${seen}`);
          const size = await inPod(from, `timeout 5 wget -qO- ${url}/page | wc -c`);
          assert.equal(size, String(PAGE_BYTES), `${own} to ${ip}`);
        }
    });

    it('serves a Service at its address of each family, to its pods and to the other machine', async () => {
      const ports = [{ port: 80, targetPort: 8080 }];
      const spec = { selector: { app: 'second' }, ports, ipFamilyPolicy: 'RequireDualStack' };
      await cluster.ok(
        'create -f -',
        JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec }),
      );
      const { clusterIPs = [] } = (await read<Service>('service', 'web')).spec ?? {};
      assert.equal(familiesOf(clusterIPs), order(['4', '6']).join());
      for (const ip of clusterIPs) {
        for (const pod of [first, second])
          await eventually(async () => {
            const seen = await inPod(pod, `timeout 2 wget -qO- http://${hostOf(ip)}/cgi-bin/me`);
            if (seen.startsWith('second ')) return true;
            throw new Error(`${pod.metadata?.name} sees of ${ip}: ${seen}`);
          });
        await eventually(async () => {
          const signal = AbortSignal.timeout(2_000);
          const answer = await fetch(`http://${hostOf(ip)}/cgi-bin/me`, { signal });
          return (await answer.text()).startsWith('second ') ? true : undefined;
        });
        const all = ip.includes(':') ? 'ahostsv6' : 'ahostsv4';
        assert.match(await inPod(second, `getent ${all} web`), new RegExp(`^${ip} +STREAM`));
      }
    });

    it('holds policies for both', async () => {
      const tries = (): Promise<string[]> =>
        Promise.all(
          (second.status?.podIPs ?? []).map(({ ip }) =>
            inPod(
              first,
              `timeout 1 wget -qO- http://${hostOf(ip)}:8080/cgi-bin/me || echo nothing`,
            ),
          ),
        );
      await cluster.ok('create -f -', JSON.stringify(CLOSED));
      await eventually(async () =>
        (await tries()).every((said) => said.endsWith('nothing')) ? true : undefined,
      );
      await cluster.ok('delete networkpolicy closed');
      await eventually(async () =>
        (await tries()).every((said) => said.startsWith('second ')) ? true : undefined,
      );
    });

    it('leaves nothing when it is stopped', async () => {
      const { hash } = dataDirectoryAt(nodePath);
      assert.equal(await machine.stop(), 0, machine.printed());
      const left = [
        await machine.inside('ip', 'link'),
        await machine.inside('ip', 'route'),
        await machine.inside('ip', '-6', 'route'),
        await machine.inside('nft', 'list', 'tables'),
      ].join('\n');
      assert.doesNotMatch(left, new RegExp(hash));
      assert.doesNotMatch(left, /10\.244\.|10\.96\.|fd00:10:(?:96|244)/);
    });
  });

/** In the ConfigMap that machines that join read. */
async function changeKubeletConfig(cluster: RealCluster, lines: string): Promise<void> {
  const inSystem = ['-n', 'kube-system', 'configmap', 'kubelet-config'];
  const text = await cluster.ok(['get', ...inSystem, '-o', 'jsonpath={.data.kubelet}']);
  const patch = JSON.stringify({ data: { kubelet: text + lines } });
  await cluster.ok(['patch', ...inSystem, '--type=merge', '-p', patch]);
}

function server(name: string, nodeName: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: name } },
    spec: {
      nodeName,
      terminationGracePeriodSeconds: 1,
      containers: [
        {
          name: 'main',
          image: BUSYBOX,
          command: ['sh', '-c', SERVER],
          readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
        },
      ],
    },
  };
}

function internalAddresses(node: Node | undefined): string[] {
  const all = node?.status?.addresses ?? [];
  return all.filter(({ type }) => type === 'InternalIP').map(({ address }) => address);
}

function hostOf(ip = ''): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

/** `4,6` */
function familiesOf(addresses: readonly string[] = []): string {
  return addresses.map((each) => (each.includes(':') ? '6' : '4')).join();
}
