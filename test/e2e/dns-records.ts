/**
 * Every kind of record of the Kubernetes DNS specification 1.1, asked from inside a pod: by busybox,
 * which speaks DNS itself, and by glibc, which goes by the pod's resolv.conf. The same wherever the
 * DNS runs.
 */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { RealCluster } from './real-cluster.ts';

const DOMAIN = 'default.svc.cluster.local';
const SERVICES = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'db' },
      spec: {
        clusterIP: 'None',
        selector: { app: 'db' },
        ports: [{ name: 'sql', port: 5432 }],
      },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { selector: { app: 'db' }, ports: [{ name: 'http', port: 80, targetPort: 5432 }] },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'elsewhere' },
      spec: { type: 'ExternalName', externalName: `web.${DOMAIN}` },
    },
  ],
};

/** Tests of the suite that calls this, on the cluster that `start` makes; it is closed at their end. */
export function answersRecords(start: () => Promise<RealCluster>): void {
  let cluster: RealCluster;
  let serviceAddress = '';
  let podAddress = '';

  before(async () => {
    cluster = await start();
    await cluster.ok('create -f -', JSON.stringify(SERVICES));
    await cluster.runPod('db-0', 'exec sleep 1000', {
      metadata: { labels: { app: 'db' } },
      spec: { hostname: 'db-0', subdomain: 'db' },
    });
    await cluster.runPod('asker', 'exec sleep 1000');
    await cluster.ok(
      'wait --for=jsonpath={.endpoints[0].conditions.ready}=true endpointslice --all --timeout=60s',
    );
    serviceAddress = await cluster.ok('get service web -o jsonpath={.spec.clusterIP}');
    podAddress = await cluster.ok('get pod db-0 -o jsonpath={.status.podIP}');
  });
  after(() => cluster?.close());

  const inAsker = (script: string): Promise<string> =>
    cluster.ok(['exec', 'asker', '--', 'sh', '-c', `${script} 2>&1; true`]);
  const busybox = (type: string, name: string): Promise<string> =>
    inAsker(`busybox nslookup -type=${type} ${name}.`);
  const reversed = (address: string): string =>
    `${address.split('.').toReversed().join('.')}.in-addr.arpa`;
  const dashed = (address: string): string => address.replaceAll('.', '-');

  it('by busybox: A, AAAA, SRV, PTR, CNAME, and names that are not', async () => {
    const table: readonly [type: string, name: string, answer: () => string][] = [
      ['a', `web.${DOMAIN}`, () => `Name:\tweb.${DOMAIN}\nAddress: ${serviceAddress}`],
      ['a', `db.${DOMAIN}`, () => `Name:\tdb.${DOMAIN}\nAddress: ${podAddress}`],
      ['a', `db-0.db.${DOMAIN}`, () => `Name:\tdb-0.db.${DOMAIN}\nAddress: ${podAddress}`],
      ['a', `${dashed(podAddress)}.default.pod.cluster.local`, () => `Address: ${podAddress}`],
      ['srv', `_http._tcp.web.${DOMAIN}`, () => `service = 0 100 80 web.${DOMAIN}`],
      ['srv', `_sql._tcp.db.${DOMAIN}`, () => `service = 0 100 5432 db-0.db.${DOMAIN}`],
      ['ptr', reversed(serviceAddress), () => `name = web.${DOMAIN}`],
      ['ptr', reversed(podAddress), () => `name = db-0.db.${DOMAIN}`],
      ['cname', `elsewhere.${DOMAIN}`, () => `canonical name = web.${DOMAIN}`],
      ['a', `none.${DOMAIN}`, () => `can't find none.${DOMAIN}.: NXDOMAIN`],
      ['srv', `_ftp._tcp.web.${DOMAIN}`, () => 'NXDOMAIN'],
    ];
    for (const [type, name, answer] of table) {
      const said = await busybox(type, name);
      assert.ok(said.includes(answer()), `${type} ${name}: ${said}`);
    }
    // The name is there, and has no address of this family: no error, and no record.
    const none = await busybox('aaaa', `web.${DOMAIN}`);
    assert.doesNotMatch(none, /can't find|Name:/);
  });

  it('by glibc: short names by the search path, addresses, and the other way round', async () => {
    const first = async (script: string): Promise<string> =>
      (await inAsker(script)).split('\n')[0]?.replaceAll(/\s+/g, ' ').trim() ?? '';
    const table: readonly [script: string, answer: string][] = [
      ['getent ahostsv4 web', `${serviceAddress} STREAM web.${DOMAIN}`],
      ['getent ahostsv4 web.default', `${serviceAddress} STREAM web.${DOMAIN}`],
      ['getent ahostsv4 web.default.svc', `${serviceAddress} STREAM web.${DOMAIN}`],
      ['getent ahostsv4 db-0.db', `${podAddress} STREAM db-0.db.${DOMAIN}`],
      ['getent ahostsv4 elsewhere', `${serviceAddress} STREAM web.${DOMAIN}`],
      [`getent hosts ${serviceAddress}`, `${serviceAddress} web.${DOMAIN}`],
      [`getent hosts ${podAddress}`, `${podAddress} db-0.db.${DOMAIN}`],
      ['getent ahosts none || echo none', 'none'],
      ['getent ahostsv6 web.default.svc.cluster.local | grep -v ::ffff || echo none', 'none'],
    ];
    for (const [script, answer] of table) assert.equal(await first(script), answer, script);
  });
}
