/**
 * The control plane and the cluster DNS in pods of a node with both families of IP: each reaches the
 * other by addresses of the first family, and names have both.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { EndpointSliceList } from '../../src/api/gen/discovery-v1.ts';
import type { PodList, Service } from '../../src/api/gen/core-v1.ts';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { unlessReal } from '../e2e/needs.ts';
import { eventually } from '../e2e/product.ts';
import { type RealCluster, startRealCluster } from '../e2e/real-cluster.ts';

const skip = unlessReal('the control plane and the DNS in pods, with both families of IP');
const PODS = ['10.244.0.0/16', 'fd00:10:244::/48'] as const;
const SERVICES = ['10.96.0.0/16', 'fd00:10:96::/112'] as const;
const NAME = 'web.default.svc.cluster.local';

const WORLDS = [
  { claim: 'IPv6 first', order: (both: readonly string[]) => both.toReversed() },
  { claim: 'IPv4 first', order: (both: readonly string[]) => both },
] as const;

for (const { claim, order } of WORLDS)
  describe(`pods of the cluster itself with both families: ${claim}`, { skip }, () => {
    let cluster: RealCluster;
    const [first, second] = order(['IPv4', 'IPv6']);
    const [dns] = order(['10.96.0.10', 'fd00:10:96::a']);
    const familyOf = (address = ''): string => (address.includes(':') ? 'IPv6' : 'IPv4');
    const read = async <T>(command: string): Promise<T> =>
      JSON.parse(await cluster.ok(`${command} -o json`)) as T;
    const asked = async (command: string): Promise<string> => {
      const { stdout, stderr } = await cluster.product.kubectl(command.split(' '));
      return stdout + stderr;
    };

    before(async () => {
      cluster = await startRealCluster([
        '--self-hosted',
        '--dns=pods',
        `--pod-network-cidr=${order(PODS).join()}`,
        `--service-cidr=${order(SERVICES).join()}`,
      ]);
    });
    after(() => cluster?.close());

    it('are ready: the control plane, and the DNS, which reaches it by its Service', async () => {
      const plane = 'get pods -n kube-system -l tier=control-plane';
      const { items } = await eventually(async () => {
        const pods = await read<PodList>(plane);
        return pods.items.length === 3 ? pods : undefined;
      }, 60_000);
      for (const { status } of items)
        assert.deepEqual(
          status?.podIPs?.map(({ ip }) => familyOf(ip)),
          [first, second],
        );
      await cluster.ok('rollout status -n kube-system deployment/coredns --timeout=120s');
      await cluster.ok(
        'wait -n kube-system -l tier=control-plane pod --for=condition=Ready --timeout=90s',
      );
      const { spec } = await read<Service>('get service kubernetes');
      assert.deepEqual(spec?.ipFamilies, [first]);
    });

    it('have a Service of the first family alone', async () => {
      const { spec } = await read<Service>('get service -n kube-system kube-dns');
      assert.deepEqual(
        [spec?.clusterIPs, spec?.ipFamilies, spec?.ipFamilyPolicy],
        [[dns], [first], 'SingleStack'],
      );
      const slices = await read<EndpointSliceList>(
        'get endpointslices -n kube-system -l kubernetes.io/service-name=kube-dns',
      );
      assert.deepEqual(
        slices.items.map(({ addressType, endpoints }) => [addressType, endpoints?.length]),
        [[first, 2]],
      );
    });

    it('tell pods both addresses of a name', async () => {
      const web = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web' },
        spec: { ipFamilyPolicy: 'RequireDualStack', ports: [{ port: 80 }] },
      };
      await cluster.ok('create -f -', JSON.stringify(web));
      await cluster.runPod('asker', 'exec sleep 1000');
      assert.match(
        await asked('exec asker -- cat /etc/resolv.conf'),
        new RegExp(`^.*${dns}$`, 'm'),
      );
      const { clusterIPs = [] } = (await read<Service>('get service web')).spec ?? {};
      assert.deepEqual(clusterIPs.map(familyOf), [first, second]);
      for (const ip of clusterIPs) {
        const type = familyOf(ip) === 'IPv6' ? 'aaaa' : 'a';
        await eventually(async () =>
          (await asked(`exec asker -- busybox nslookup -type=${type} ${NAME}.`)).includes(ip)
            ? true
            : undefined,
        );
        assert.match(await asked(`exec asker -- getent hosts ${ip}`), new RegExp(NAME));
      }
    });

    it('answer at both addresses of their pods', async () => {
      const { items } = await read<PodList>('get pods -n kube-system -l k8s-app=kube-dns');
      const addresses = items[0]?.status?.podIPs?.map(({ ip }) => ip) ?? [];
      assert.deepEqual(addresses.map(familyOf), [first, second]);
      for (const ip of addresses)
        assert.match(
          await asked(`exec asker -- busybox nslookup -type=a ${NAME}. ${ip}`),
          /Address: 10\.96\./,
          ip,
        );
    });

    it('leave nothing behind', async () => {
      const { hash } = dataDirectoryAt(cluster.product.dataDirectory);
      await cluster.product.stop();
      assert.doesNotMatch(readdirSync('/sys/class/net').join(' '), new RegExp(hash));
    });
  });
