/**
 * Two real nodes with both families of IP, either first: pods, Services, names, policies and load
 * balancers have both, and nothing of a family is left on the machine.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { after, before, describe, it } from 'node:test';
import type { Node, NodeList, Pod, PodList, Service } from '../../src/api/gen/core-v1.ts';
import { dataDirectoryAt, otherNodeDirectories } from '../../src/cli/data-directory.ts';
import { speakerOf } from '../../src/load-balancer/speaker.ts';
import { offEven } from '../kit/spread.ts';
import { unlessReal } from './needs.ts';
import { openOutsider, type Outsider } from './outsider.ts';
import { eventually, run } from './product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('two real nodes with both families of IP');
const DOMAIN = 'default.svc.cluster.local';
/** Tells each who asks what address it is seen by. */
const SERVER = [
  'mkdir -p /www/cgi-bin',
  `printf '#!/bin/sh\nprintf "content-type: text/plain\\\\r\\\\n\\\\r\\\\n$HOSTNAME $REMOTE_ADDR"\n' > /www/cgi-bin/me`,
  'chmod +x /www/cgi-bin/me',
  'exec httpd -f -p 8080 -h /www',
].join('\n');
const PODS = ['10.244.0.0/16', 'fd00:10:244::/48'] as const;
const SERVICES = ['10.96.0.0/16', 'fd00:10:96::/112'] as const;
/** Of the network of the nodes, which nobody else has. */
const POOL = '10.245.0.240-10.245.0.249,fd00:10:245::f0-fd00:10:245::f9';
const OUTSIDER = ['10.245.0.200/24', 'fd00:10:245::c8/64'];
const REQUESTS = 1_000;
const AT_ONCE = 20;
const REPLICAS = 4;

const WORLDS = [
  { claim: 'IPv4 first, direct routes', mode: 'direct', order: (both: readonly string[]) => both },
  {
    claim: 'IPv6 first, a tunnel',
    mode: 'vxlan',
    order: (both: readonly string[]) => both.toReversed(),
  },
] as const;

/** One of them is enough for each change; `npm run soak -- --both-families` has both. */
const told = process.env['COXSWAIN_SOAK'] === '1' ? WORLDS : WORLDS.slice(0, 1);

for (const { claim, mode, order } of told)
  describe(`two nodes with both families: ${claim}`, { skip }, () => {
    let cluster: RealCluster;
    let outsider: Outsider;
    let pods: Pod[];
    let nodes: Node[];

    before(async () => {
      cluster = await startRealCluster([
        '--nodes=2',
        `--pod-network=${mode}`,
        `--pod-network-cidr=${order(PODS).join()}`,
        `--service-cidr=${order(SERVICES).join()}`,
        `--load-balancer-pool=${POOL}`,
      ]);
      outsider = openOutsider(dataDirectoryAt(cluster.product.dataDirectory).hash, OUTSIDER);
      for (const object of [deployment(), service('web', { ipFamilyPolicy: 'RequireDualStack' })])
        await cluster.ok('create -f -', JSON.stringify(object));
      await cluster.ok('rollout status deployment/web --timeout=60s');
      pods = (JSON.parse(await cluster.ok('get pods -l app=web -o json')) as PodList).items;
      nodes = (JSON.parse(await cluster.ok('get nodes -o json')) as NodeList).items;
    });
    after(async () => {
      outsider?.close();
      await cluster?.close();
    });

    const inPod = (pod: Pod, script: string): Promise<string> =>
      cluster
        .ok(['exec', pod.metadata?.name ?? '', '--', 'sh', '-c', `${script} 2>&1; true`])
        .then((text) => text.trim());
    const read = async (name: string): Promise<Service> =>
      JSON.parse(await cluster.ok(['get', 'service', name, '-o', 'json'])) as Service;

    it('give nodes and pods an address and a range of each, the main family first', () => {
      assert.equal(nodes.length, 2);
      const families = order(['4', '6']).join();
      for (const { spec, status } of nodes) {
        const addresses = (status?.addresses ?? []).filter(({ type }) => type === 'InternalIP');
        assert.equal(familiesOf(addresses.map(({ address }) => address)), families);
        assert.equal(familiesOf(spec?.podCIDRs), families);
      }
      for (const { status } of pods) {
        assert.equal(familiesOf(status?.podIPs?.map(({ ip }) => ip)), families);
        assert.equal(familiesOf(status?.hostIPs?.map(({ ip }) => ip)), families);
      }
      assert.equal(new Set(pods.map(({ spec }) => spec?.nodeName)).size, 2);
    });

    it('carry packets of pods to pods of each other, under their own addresses', async () => {
      for (const from of onEachNode(pods))
        for (const to of pods.filter((pod) => pod !== from))
          for (const [index, { ip }] of (to.status?.podIPs ?? []).entries()) {
            const seen = await inPod(
              from,
              `timeout 5 wget -qO- http://${hostOf(ip)}:8080/cgi-bin/me`,
            );
            const own = from.status?.podIPs?.[index]?.ip ?? '';
            assert.ok(seen.endsWith(`${own}]`), `${own} to ${ip}: ${seen}`);
          }
    });

    it('serve a Service at its address of each family, to pods and to the machine', async () => {
      const { clusterIPs = [] } = (await read('web')).spec ?? {};
      assert.equal(familiesOf(clusterIPs), order(['4', '6']).join());
      for (const ip of clusterIPs) {
        await eventually(async () => ((await ask(ip, 80)).includes('web-') ? true : undefined));
        for (const pod of onEachNode(pods)) {
          const seen = await inPod(pod, `timeout 5 wget -qO- http://${hostOf(ip)}/cgi-bin/me`);
          assert.match(seen, /^web-/, ip);
        }
      }
    });

    it('spread connections over the endpoints of a Service, by each family', async () => {
      for (const ip of (await read('web')).spec?.clusterIPs ?? []) {
        const counts = new Map<string, number>();
        for (let i = 0; i < REQUESTS; i += AT_ONCE)
          for (const said of await Promise.all(
            Array.from({ length: AT_ONCE }, () => ask(ip, 80)),
          )) {
            const [name = ''] = said.split(' ');
            counts.set(name, (counts.get(name) ?? 0) + 1);
          }
        assert.equal(counts.size, REPLICAS, ip);
        assert.ok(offEven([...counts.values()]) < 0.1, `${ip}: ${JSON.stringify([...counts])}`);
      }
    });

    it('give a Service the families that it asks for', async () => {
      const asked = { single: 'SingleStack', both: 'PreferDualStack' } as const;
      for (const [name, ipFamilyPolicy] of Object.entries(asked))
        await cluster.ok('create -f -', JSON.stringify(service(name, { ipFamilyPolicy })));
      const all = order(['4', '6']);
      assert.equal(familiesOf((await read('single')).spec?.clusterIPs), all[0]);
      assert.equal(familiesOf((await read('both')).spec?.clusterIPs), all.join());
    });

    it('answer names with addresses of both, and addresses of both with names', async () => {
      const [pod] = pods as [Pod, ...Pod[]];
      const addresses = (await read('web')).spec?.clusterIPs ?? [];
      for (const ip of addresses) {
        const [type, all] = ip.includes(':') ? ['aaaa', 'ahostsv6'] : ['a', 'ahostsv4'];
        const said = await inPod(pod, `busybox nslookup -type=${type} web.${DOMAIN}.`);
        assert.ok(said.includes(`Address: ${ip}`), said);
        assert.match(await inPod(pod, `getent ${all} web`), new RegExp(`^${ip} +STREAM`));
        assert.match(await inPod(pod, `getent hosts ${ip}`), new RegExp(`web.${DOMAIN}`));
      }
    });

    it('refuse at once what has an address of a pod or a Service that nobody has', async () => {
      for (const pod of onEachNode(pods)) {
        for (const ip of ['10.244.77.7', 'fd00:10:244:77::7', '10.96.77.7', 'fd00:10:96::7777']) {
          const started = performance.now();
          const said = await inPod(pod, `timeout 5 wget -qO- http://${hostOf(ip)}:8080/`);
          assert.match(said, /unreachable|refused|No route/i, ip);
          assert.ok(performance.now() - started < 4_000, ip);
        }
      }
      for (const ip of ['10.244.77.7', 'fd00:10:244:77::7'])
        assert.match(await ask(ip, 8080), /UNREACH/, ip);
    });

    it('show pods to others under the address of their node', async () => {
      await outsider.serve(9_000);
      for (const pod of onEachNode(pods)) {
        const node = nodes.find(({ metadata }) => metadata?.name === pod.spec?.nodeName);
        const own = (node?.status?.addresses ?? []).map(({ address }) => address);
        for (const address of OUTSIDER) {
          const [ip = ''] = address.split('/');
          const seen = await inPod(pod, `timeout 5 wget -qO- http://${hostOf(ip)}:9000/`);
          const isFirst = node === nodes.find(({ metadata }) => !metadata?.name?.endsWith('-2'));
          // The machine goes by the address that it has on that network.
          const wanted = isFirst ? ['::ffff:10.245.0.1', 'fd00:10:245::1'] : own;
          assert.ok(
            wanted.some((each) => seen === each || seen === `::ffff:${each}`),
            `${ip} sees ${seen}`,
          );
        }
      }
    });

    it('serve node ports at the addresses of both families', async () => {
      await cluster.ok(
        'create -f -',
        JSON.stringify(service('ports', { type: 'NodePort', ipFamilyPolicy: 'RequireDualStack' })),
      );
      const port = (await read('ports')).spec?.ports?.[0]?.nodePort;
      const second = nodes.find(({ metadata }) => metadata?.name?.endsWith('-2'));
      for (const { type, address } of second?.status?.addresses ?? [])
        if (type === 'InternalIP')
          await eventually(async () =>
            outsider.get(`http://${hostOf(address)}:${port}/cgi-bin/me`).startsWith('web-')
              ? true
              : undefined,
          );
    });

    it('hold policies for both', async () => {
      const [asker, other] = onEachNode(pods) as [Pod, Pod];
      const tries = (): Promise<string[]> =>
        Promise.all(
          (other.status?.podIPs ?? []).map(({ ip }) =>
            inPod(
              asker,
              `timeout 1 wget -qO- http://${hostOf(ip)}:8080/cgi-bin/me || echo nothing`,
            ),
          ),
        );
      await cluster.ok('create -f -', JSON.stringify(POLICY));
      await eventually(async () =>
        (await tries()).every((said) => said.endsWith('nothing')) ? true : undefined,
      );
      await cluster.ok('delete networkpolicy closed');
      await eventually(async () =>
        (await tries()).every((said) => said.startsWith('web-')) ? true : undefined,
      );
    });

    it('say how the proxy of each node is', async () => {
      for (const { status } of nodes) {
        const [address] = status?.addresses ?? [];
        const answer = await fetch(`http://${hostOf(address?.address)}:10256/healthz`);
        assert.equal(answer.status, 200);
        assert.match(await answer.text(), /"nodeEligible": true/);
      }
      const loopback = order(['127.0.0.1', '[::1]'])[0];
      const page = await (await fetch(`http://${loopback}:10249/metrics`)).text();
      assert.match(
        page,
        /kubeproxy_sync_proxy_rules_duration_seconds_count\{ip_family="IPv6"\} [1-9]/,
      );
      const mode = await fetch(`http://${loopback}:10249/proxyMode`);
      assert.equal(await mode.text(), 'nftables');
    });

    it('give a load balancer addresses of both, and another node answers when one has ended', async () => {
      const [, second] = nodes.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
      // Of the second node's, because the first is this machine.
      const address = Array.from({ length: 10 }, (_, i) => `10.245.0.${240 + i}`).find(
        (each) => speakerOf({ address: each, service: {}, slices: [] }, nodes) === nameOf(second),
      );
      assert.ok(address !== undefined);
      const kind = { type: 'LoadBalancer' as const };
      const chosen = {
        ...kind,
        ipFamilyPolicy: 'SingleStack',
        ipFamilies: ['IPv4'],
        loadBalancerIP: address,
      };
      await cluster.ok('create -f -', JSON.stringify(service('one', chosen)));
      await cluster.ok(
        'create -f -',
        JSON.stringify(service('two', { ...kind, ipFamilyPolicy: 'RequireDualStack' })),
      );
      const ingress = await eventually(async () => {
        const all = (await read('two')).status?.loadBalancer?.ingress ?? [];
        return all.length === 2 ? all.map(({ ip = '' }) => ip) : undefined;
      });
      for (const ip of ingress) {
        assert.match(ip, /^(?:10\.245\.0\.24|fd00:10:245::f)\d$/);
        await eventually(async () => ((await ask(ip, 80)).includes('web-') ? true : undefined));
      }
      const url = `http://${address}/cgi-bin/me`;
      await eventually(async () => (outsider.get(url).startsWith('web-') ? true : undefined));
      const [ended] = otherNodeDirectories(dataDirectoryAt(cluster.product.dataDirectory));
      // The other node is off the network: its Node is not ready a while later.
      await run('ip', ['link', 'set', `cox${ended?.hash}v`, 'down']);
      await eventually(async () => {
        const shown = (await run('ip', ['address'])).stdout;
        return shown.includes(` ${address}/32 `) ? true : undefined;
      }, 120_000);
      await eventually(
        async () => (outsider.get(url).startsWith('web-') ? true : undefined),
        60_000,
      );
      await run('ip', ['link', 'set', `cox${ended?.hash}v`, 'up']);
    });

    it('leave nothing behind', async () => {
      const data = dataDirectoryAt(cluster.product.dataDirectory);
      const directories = [data, ...otherNodeDirectories(data)];
      outsider.close();
      await cluster.product.stop();
      const said = await Promise.all([
        run('nft', ['list', 'tables']),
        run('ip', ['route']),
        run('ip', ['-6', 'route', 'show', 'table', 'all']),
        run('ip', ['neigh']),
        run('ip', ['address']),
      ]);
      const texts = [
        readdirSync('/sys/class/net').join(' '),
        readFileSync('/proc/mounts', 'utf8'),
        ...said.map(({ stdout }) => stdout),
      ];
      for (const { hash, runtimePath } of directories) {
        assert.equal(existsSync(runtimePath), false);
        for (const text of texts) assert.doesNotMatch(text, new RegExp(hash));
      }
      for (const text of texts)
        assert.doesNotMatch(text, /10\.24[45]\.|10\.96\.|fd00:10:(?:96|24[45])/);
    });
  });

/** From the machine; the code of the error where there is no answer. */
function ask(ip: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const options = { host: ip, port, path: '/cgi-bin/me', agent: false, timeout: 5_000 };
    const request = httpGet(options, (answer) => {
      let text = '';
      answer.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      answer.on('end', () => resolve(text));
    });
    request.on('timeout', () => request.destroy(Object.assign(new Error(), { code: 'timeout' })));
    request.on('error', (error) => resolve(String((error as NodeJS.ErrnoException).code)));
  });
}

function nameOf(node: Node | undefined): string {
  return node?.metadata?.name ?? '';
}

function hostOf(ip = ''): string {
  return ip.includes(':') ? `[${ip}]` : ip;
}

/** `4,6` */
function familiesOf(addresses: readonly string[] = []): string {
  return addresses.map((each) => (each.includes(':') ? '6' : '4')).join();
}

/** One pod of each node. */
function onEachNode(pods: readonly Pod[]): Pod[] {
  return [...new Map(pods.map((pod) => [pod.spec?.nodeName, pod])).values()];
}

const POLICY = {
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'closed' },
  spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress'] },
};

function deployment(): object {
  const labels = { app: 'web' };
  const container = {
    name: 'main',
    image: BUSYBOX,
    command: ['sh', '-c', SERVER],
    readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: REPLICAS,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 1,
          containers: [container],
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'DoNotSchedule',
              labelSelector: { matchLabels: labels },
            },
          ],
        },
      },
    },
  };
}

function service(name: string, spec: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  };
}
