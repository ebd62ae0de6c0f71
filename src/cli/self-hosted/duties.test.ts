/** What `cox up` does for a control plane in pods, before and after it begins anew. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { CONFIG_MAP } from '#api/core/config-map.ts';
import type { TlsClientOptions } from '#base/doors.ts';
import type { HttpRequest } from '#base/http/message.ts';
import { addressOf } from '#kubelet/bootstrap/cluster-info.ts';
import { JoinWorld, testAuthority } from '#kit/join-world.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig } from '../cluster-config.ts';
import { Duties, type DutyPki } from './duties.ts';

const ADMIN = { name: 'kubernetes-admin', groups: ['system:masters'] };
const CONFIG: ClusterConfig = {
  ...CLUSTER_DEFAULTS,
  listenHost: '127.0.0.1',
  listenPort: 6443,
  nodeName: 'n1',
  nodeAddress: '192.0.2.10',
  simulatedNodes: 0,
  selfHosted: true,
};
const [FIRST, SECOND, THIRD] = ['a', 'b', 'c'].map(
  (name): DutyPki => ({
    authority: testAuthority(),
    admin: { certificate: `${name}.crt`, key: `${name}.key` },
  }),
) as [DutyPki, DutyPki, DutyPki];

describe('the duties for a control plane in pods', () => {
  let world: JoinWorld;
  let isAway = false;
  let shown: TlsClientOptions[] = [];
  const stopping = new AbortController();

  before(async () => {
    world = await JoinWorld.start();
  });
  beforeEach(() => {
    isAway = false;
    shown = [];
  });
  after(async () => {
    stopping.abort();
    await world.stop();
  });

  const dutiesWith = (config: Partial<ClusterConfig> = {}): Duties =>
    new Duties({
      environment: world.environment,
      client: {
        handler: async (request: HttpRequest) => {
          if (isAway) throw new Error('connection refused');
          return world.plane.handler({ ...request, peer: { component: ADMIN } });
        },
        setTls: (tls) => void shown.push(tls),
      },
      config: { ...CONFIG, ...config },
      pki: FIRST,
      data: { pki: '/d/pki' },
      signal: stopping.signal,
    });
  const told = async (): Promise<string> => {
    const info = world.admin.get(CONFIG_MAP, 'cluster-info', 'kube-public');
    return addressOf((await world.run(info)).data?.['kubeconfig'] ?? '').authority;
  };

  it('are the objects of the cluster, with the authority of the time', async () => {
    const duties = dutiesWith();
    await world.run(duties.begin());
    assert.equal(await told(), FIRST.authority.certificate);
    duties.takeOver(FIRST);
    assert.deepEqual(shown, []);
    duties.takeOver(SECOND);
    const { certificate: cert, key } = SECOND.admin;
    assert.deepEqual(shown, [{ ca: SECOND.authority.certificate, cert, key }]);
    await world.environment.advance(1_000);
    assert.equal(await told(), SECOND.authority.certificate);
  });

  it('are done by another administrator of the same authority', async () => {
    const duties = dutiesWith();
    duties.takeOver({ ...FIRST, admin: SECOND.admin });
    assert.equal(shown[0]?.cert, SECOND.admin.certificate);
  });

  it('are done with the newest, whatever came meanwhile, once there is an API server', async () => {
    const duties = dutiesWith();
    await world.run(duties.begin());
    isAway = true;
    duties.takeOver(SECOND);
    await world.environment.advance(5_000);
    duties.takeOver(THIRD);
    isAway = false;
    await world.environment.advance(5_000);
    assert.equal(await told(), THIRD.authority.certificate);
  });

  it('begin when they are asked for', async () => {
    const before = await told();
    const duties = dutiesWith();
    duties.takeOver(SECOND);
    await world.environment.advance(1_000);
    assert.equal(await told(), before);
    await world.run(duties.begin());
    assert.equal(await told(), SECOND.authority.certificate);
  });

  it('are none where the control plane is a process', async () => {
    const before = await told();
    await world.run(dutiesWith({ selfHosted: false }).begin());
    assert.equal(await told(), before);
  });
});
