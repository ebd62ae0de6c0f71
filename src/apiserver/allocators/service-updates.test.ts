/** Services that gain and lose families, ports and types, through the API: what they hold then. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TestApiServer } from '#kit/api-server.ts';

const SERVICES = '/api/v1/namespaces/default/services';
const ADDRESSES = '/apis/networking.k8s.io/v1/ipaddresses';
const DUAL = { serviceClusterIpRange: '10.0.0.0/16,2000::/108' };
const ONE = { clusterIP: '10.0.0.21', clusterIPs: ['10.0.0.21'] };
const TWO = { clusterIP: '10.0.0.21', clusterIPs: ['10.0.0.21', '2000::21'] };
const NONE = { clusterIP: 'None', clusterIPs: ['None'] };
const SINGLE = { ipFamilyPolicy: 'SingleStack' };
const REQUIRE = { ipFamilyPolicy: 'RequireDualStack' };

const service = (...specs: object[]) => ({
  metadata: { name: 'web' },
  spec: Object.assign({ selector: { app: 'x' }, ports: [{ port: 80 }] }, ...specs),
});

/** How many IPAddresses there are, but for that of kubernetes. */
async function held(api: TestApiServer): Promise<number> {
  return (await api.must(`GET ${ADDRESSES}`)).items.length - 1;
}

/** A PUT with each policy, of nothing, one and both families, each with the addresses given. */
async function updates(
  api: TestApiServer,
  before: object,
  addresses: readonly object[],
): Promise<string[]> {
  const policies = [{}, SINGLE, { ipFamilyPolicy: 'PreferDualStack' }, REQUIRE];
  const families = [{}, { ipFamilies: ['IPv4'] }, { ipFamilies: ['IPv4', 'IPv6'] }];
  const lines: string[] = [];
  for (const policy of policies) {
    const line: string[] = [];
    for (const family of families) {
      for (const address of addresses) {
        await api.must(`POST ${SERVICES}`, service(before));
        const { status, body } = await api.call(
          `PUT ${SERVICES}/web`,
          service(policy, family, address),
        );
        const count = status === 200 ? body.spec.ipFamilies.length : 0;
        if (status === 200 && before !== NONE && body.spec.clusterIP !== 'None')
          assert.equal(await held(api), count);
        line.push(status === 200 ? String(count) : 'x');
        await api.must(`DELETE ${SERVICES}/web`);
        assert.equal(await held(api), 0);
      }
    }
    lines.push(line.join(' '));
  }
  return lines;
}

describe('the families of a Service after an update', () => {
  it('of one: a policy of two adds the second', async () => {
    const api = await TestApiServer.start(DUAL);
    assert.deepEqual(await updates(api, { ...SINGLE, ...ONE }, [{}, ONE, TWO]), [
      '1 1 x 1 1 x x x x',
      '1 1 x 1 1 x x x x',
      '2 2 2 2 2 2 2 2 2',
      '2 2 2 2 2 2 2 2 2',
    ]);
  });

  it('of two: only SingleStack gives the second up', async () => {
    const api = await TestApiServer.start(DUAL);
    assert.deepEqual(await updates(api, { ...REQUIRE, ...TWO }, [{}, ONE, TWO]), [
      '2 x 2 x x x 2 x 2',
      '1 1 1 1 1 1 1 1 1',
      '2 x 2 x x x 2 x 2',
      '2 x 2 x x x 2 x 2',
    ]);
  });

  it('of a headless one', async () => {
    const api = await TestApiServer.start(DUAL);
    assert.deepEqual(await updates(api, { ...SINGLE, ...NONE }, [{}]), [
      '1 1 x',
      '1 1 x',
      '2 2 2',
      '2 2 2',
    ]);
    assert.deepEqual(await updates(api, { ...REQUIRE, ...NONE }, [{}]), [
      '2 x 2',
      '1 1 1',
      '2 x 2',
      '2 x 2',
    ]);
  });
});

it('an update that is refused gives back what it took, and nothing else', async () => {
  const api = await TestApiServer.start(DUAL);
  await api.must(`POST ${SERVICES}`, service({ ...SINGLE, ...ONE }));
  const wrong = { ...REQUIRE, ports: [{ port: 0 }] };
  assert.match(await api.refusal(`PATCH ${SERVICES}/web`, { spec: wrong }), /^422 /);
  assert.equal(await held(api), 1);
  const external = { type: 'ExternalName', externalName: '' };
  assert.match(await api.refusal(`PATCH ${SERVICES}/web`, { spec: external }), /^422 /);
  assert.equal(await held(api), 1);
});

describe('a Service is refused with upstream’s words', () => {
  type Row = [claim: string, spec: object, message: RegExp];
  const rows: Row[] = [
    ['for a policy that is none', { ipFamilyPolicy: 'garbage' }, /ipFamilyPolicy: Unsupported/],
    ['for a family that is none', { ipFamilies: ['garbage'] }, /ipFamilies\[0\]: Unsupported/],
    [
      'for one family twice',
      { ipFamilies: ['IPv4', 'IPv4'] },
      /ipFamilies\[1\]: Duplicate value: "IPv4"/,
    ],
    [
      'for two families under SingleStack',
      { ipFamilies: ['IPv4', 'IPv6'] },
      /must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified/,
    ],
    ['for what is no address', { clusterIP: 'garbage' }, /clusterIPs\[0\]: .*must be a valid IP/],
    [
      'for an address that is not of its family',
      { ipFamilies: ['IPv4'], clusterIP: '2000::1' },
      /expected an IPv4 value as indicated by `ipFamilies\[0\]`/,
    ],
    [
      'for two addresses of one family',
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'] },
      /may specify no more than one IP for each IP family/,
    ],
    [
      'for three',
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '2000::1', '10.0.0.2'] },
      /may only hold up to 2 values/,
    ],
    [
      'for an empty one',
      { clusterIPs: [''] },
      /must be empty when `clusterIP` is not specified.*must be a valid IP/,
    ],
    [
      'for None beside an address',
      { clusterIP: 'None', clusterIPs: ['None', '10.0.0.1'] },
      /'None' must be the first and only value/,
    ],
  ];
  for (const [claim, spec, message] of rows) {
    it(claim, async () => {
      const api = await TestApiServer.start(DUAL);
      const refusal = await api.refusal(`POST ${SERVICES}`, service(spec));
      assert.match(refusal, /^422 /);
      assert.match(refusal, message);
    });
  }

  it('for a family that the cluster has not', async () => {
    const api = await TestApiServer.start();
    const refusal = await api.refusal(`POST ${SERVICES}`, service({ clusterIP: '2000::1' }));
    assert.match(
      refusal,
      /clusterIPs\[0\]: Invalid value: \["2000::1"\]: IPv6 is not configured on this cluster/,
    );
  });
});

describe('node ports', () => {
  const LOCAL = {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    ports: [{ port: 80, nodePort: 30_080 }],
    healthCheckNodePort: 30_090,
  };
  const taker = (ports: number[]) => ({
    metadata: { name: 'taker' },
    spec: {
      type: 'NodePort',
      ports: ports.map((nodePort) => ({ name: `p${nodePort}`, port: nodePort, nodePort })),
    },
  });

  it('go when the type needs none, that of health checks with the policy', async () => {
    const api = await TestApiServer.start();
    await api.must(`POST ${SERVICES}`, service(LOCAL));
    assert.match(await api.refusal(`POST ${SERVICES}`, taker([30_090])), /already allocated/);
    await api.must(`PATCH ${SERVICES}/web`, { spec: { externalTrafficPolicy: 'Cluster' } });
    await api.must(`POST ${SERVICES}`, taker([30_090]));
    assert.match(await api.refusal(`POST ${SERVICES}`, taker([30_080])), /already allocated/);
    await api.must(`DELETE ${SERVICES}/taker`);
    const { spec } = await api.must(`PATCH ${SERVICES}/web`, { spec: { type: 'ClusterIP' } });
    assert.equal(spec.ports[0].nodePort, undefined);
    await api.must(`POST ${SERVICES}`, taker([30_080, 30_090]));
  });

  it('of a dry run are nobody’s; what it would give up stays', async () => {
    const api = await TestApiServer.start();
    const { spec: dry } = await api.must(
      `POST ${SERVICES}?dryRun=All`,
      service({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' }),
    );
    assert.deepEqual([dry.ports[0].nodePort, dry.healthCheckNodePort], [32_769, 32_770]);
    const twice = { ...LOCAL, healthCheckNodePort: 30_080 };
    assert.match(
      await api.refusal(`POST ${SERVICES}?dryRun=All`, service(twice)),
      /failed to allocate requested HealthCheck NodePort 30080: provided port is already allocated$/,
    );
    await api.must(`POST ${SERVICES}`, service(LOCAL));
    const external = { spec: { type: 'ExternalName', externalName: 'x.y' } };
    const gone = await api.must(`PATCH ${SERVICES}/web?dryRun=All`, external);
    assert.equal(gone.spec.clusterIP, undefined);
    assert.equal(await held(api), 1);
    assert.match(await api.refusal(`POST ${SERVICES}`, taker([30_080])), /already allocated/);
    assert.match(
      await api.refusal(`POST ${SERVICES}?dryRun=All`, taker([30_080])),
      /already allocated/,
    );
  });

  it('of entries for one service port: the first number that is asked for is shared', async () => {
    const api = await TestApiServer.start();
    const entry = (protocol: string, nodePort?: number) => ({
      name: protocol.toLowerCase(),
      port: 53,
      protocol,
      ...(nodePort === undefined ? {} : { nodePort }),
    });
    const { spec } = await api.must(
      `POST ${SERVICES}`,
      service({
        type: 'NodePort',
        ports: [entry('TCP', 30_053), entry('UDP', 30_054), entry('SCTP')],
      }),
    );
    assert.deepEqual(
      spec.ports.map(({ nodePort }: { nodePort: number }) => nodePort),
      [30_053, 30_054, 30_053],
    );
    assert.match(
      await api.refusal(
        `PUT ${SERVICES}/web`,
        service({
          type: 'NodePort',
          ports: [entry('TCP', 30_053), { ...entry('TCP', 30_053), name: 'b', port: 54 }],
        }),
      ),
      /^500 .*duplicate nodePort: \{TCP 30053\}/,
    );
  });

  it('of health checks that are taken are an error of the server, as upstream has it', async () => {
    const api = await TestApiServer.start();
    await api.must(`POST ${SERVICES}`, taker([30_090]));
    assert.match(
      await api.refusal(`POST ${SERVICES}`, service(LOCAL)),
      /^500 .*failed to allocate requested HealthCheck NodePort 30090: provided port is already allocated$/,
    );
    assert.equal(await held(api), 1);
  });
});
