/** Certificates of pods in projected volumes: a kubelet, a whole API server, and a signer. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { POD_CERTIFICATE_REQUEST } from '#api/certificates/pod-certificate-request.ts';
import type { PodSecurityContext } from '#api/gen/core-v1.ts';
import { nodeIdentity } from '#client/in-process.ts';
import {
  fits,
  GATE_ON,
  HOUR,
  MINUTE,
  PodCertificatesWorld,
  REFRESH,
  SIGNER,
} from '#kit/kubelet/pod-certificates-world.ts';
import { selfSigned } from '#kit/self-signed.ts';
import { NODE, POD, SERVICE_ACCOUNT } from '../resources.ts';
import { filesOf } from './sources.ts';

const SECOND = 1000;
/** What at most is added to a time at random. */
const JITTER = 5 * MINUTE;
/** Every source is looked at within so long. */
const PASS = 2 * MINUTE;
const NOT_YET = 'MountVolume.SetUp failed for volume "v" : credential bundle is not issued yet';

const start = (...given: Parameters<typeof PodCertificatesWorld.start>) =>
  PodCertificatesWorld.start(...given);

describe('a request for a certificate of a pod', () => {
  it('says whose it is, and is signed by its key alone', async (t) => {
    const node = await start(t);
    const { cluster } = node.world;
    await node.run([{ maxExpirationSeconds: 7200, userAnnotations: { 'a.io/b': 'c' } }]);
    const [request, ...more] = await node.requests();
    assert.equal(more.length, 0);
    const pod = await node.world.pod('p');
    const account = await cluster.get(SERVICE_ACCOUNT, 'default', 'default');
    const { metadata: machine } = await cluster.get(NODE, 'n1');
    assert.match(request?.metadata?.name ?? '', /^req-.{5}$/);
    assert.deepEqual(request?.metadata?.ownerReferences, [
      { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod?.metadata?.uid },
    ]);
    const { stubPKCS10Request: stub = '', ...spec } = request?.spec ?? {};
    assert.ok(stub.length > 100);
    assert.deepEqual(spec, {
      signerName: SIGNER,
      podName: 'p',
      podUID: pod?.metadata?.uid,
      serviceAccountName: 'default',
      serviceAccountUID: account.metadata?.uid,
      nodeName: 'n1',
      nodeUID: machine?.uid,
      maxExpirationSeconds: 7200,
      pkixPublicKey: '',
      proofOfPossession: '',
      unverifiedUserAnnotations: { 'a.io/b': 'c' },
    });
  });

  it('is made once, and the pod waits for what becomes of it', async (t) => {
    const node = await start(t);
    await node.run();
    await node.advance(5 * MINUTE);
    assert.equal((await node.requests()).length, 1);
    assert.deepEqual(node.world.running(), []);
    assert.equal(new Set(node.events('FailedMount')).size, 1);
    assert.equal(node.events('FailedMount')[0], NOT_YET);
    assert.deepEqual(node.states(), [`{signer_name="${SIGNER}",state="not_yet_issued"} 1`]);
  });

  it('is made as soon as the API can be reached', async (t) => {
    const node = await start(t);
    await node.advance(5 * SECOND);
    node.world.isCutOff = true;
    // The watch that stands tells of the pod.
    await node.run();
    assert.equal((await node.requests()).length, 0);
    assert.equal(node.states().length, 1);
    node.world.isCutOff = false;
    await node.advance(6 * SECOND);
    assert.equal((await node.requests()).length, 1);
  });

  it('is made anew when it is gone, but not before ten minutes', async (t) => {
    const node = await start(t);
    await node.run();
    const [first] = await node.requests();
    await node.advance(MINUTE);
    await node.world.cluster.delete(POD_CERTIFICATE_REQUEST, first ?? {});
    await node.advance(8 * MINUTE);
    assert.equal((await node.requests()).length, 0);
    await node.advance(MINUTE + JITTER + 2 * PASS);
    assert.equal(await node.issue(), 1);
    assert.deepEqual(node.world.running(), ['p/main']);
  });

  it('is made anew when nobody has answered and it was cleaned up', async (t) => {
    const node = await start(t);
    await node.run();
    const [first] = await node.requests();
    await node.advance(21 * MINUTE);
    const [second, ...more] = await node.requests();
    assert.equal(more.length, 0);
    assert.notEqual(second?.metadata?.name, first?.metadata?.name);
    assert.notEqual(second?.spec?.stubPKCS10Request, first?.spec?.stubPKCS10Request);
  });
});

describe('a certificate that was issued', () => {
  it('is there with its key and its chain, and the pod starts', async (t) => {
    const node = await start(t);
    const [one, other] = [selfSigned('authority'), selfSigned('authority')];
    const headed = other.replace('\n', '\nNote: x\n\n');
    await node.run();
    await node.issue({ rest: `note\n${one}\n\n${headed}` });
    assert.deepEqual(node.world.running(), ['p/main']);
    const seen = await node.files();
    assert.ok(seen);
    assert.ok(fits(seen));
    assert.match(seen.key, /^-----BEGIN PRIVATE KEY-----\n/);
    assert.equal(seen.bundle, seen.key + seen.chain);
    assert.ok(seen.chain.endsWith(`-----END CERTIFICATE-----\n${one}${other}`));
    assert.deepEqual(node.states(), [`{signer_name="${SIGNER}",state="fresh"} 1`]);
  });

  it('is renewed in its time, with a new key, and the pod reads both', async (t) => {
    const node = await start(t);
    await node.run();
    await node.issue();
    const before = await node.files();
    await node.advance(REFRESH - 3 * SECOND);
    assert.equal((await node.open()).length, 0);
    await node.advance(JITTER + PASS);
    assert.equal((await node.open()).length, 1);
    assert.deepEqual(await node.files(), before);
    await node.issue();
    const after = await node.files();
    assert.ok(after);
    assert.notEqual(after.key, before?.key);
    assert.notEqual(after.chain, before?.chain);
    assert.ok(fits(after));
    assert.deepEqual(node.world.running(), ['p/main']);
  });

  it('is renewed at a time of its own, not with the others', async (t) => {
    const node = await start(t);
    await node.run(Array.from({ length: 12 }, () => ({})));
    assert.equal(await node.issue(), 12);
    await node.advance(REFRESH + JITTER / 2);
    const asked = (await node.open()).length;
    assert.ok(asked > 0 && asked < 12, String(asked));
  });

  it('is reported when it is overdue and when it is over, once each', async (t) => {
    const node = await start(t);
    await node.run();
    await node.issue();
    await node.advance(REFRESH + 9 * MINUTE);
    assert.deepEqual(node.events('CertificateOverdueForRefresh'), []);
    await node.advance(JITTER + PASS + MINUTE);
    assert.deepEqual(node.states(), [`{signer_name="${SIGNER}",state="overdue_for_refresh"} 1`]);
    await node.advance(HOUR);
    assert.deepEqual(node.states(), [`{signer_name="${SIGNER}",state="expired"} 1`]);
    assert.deepEqual(node.events('CertificateOverdueForRefresh'), [
      'PodCertificate refresh overdue',
    ]);
    assert.deepEqual(node.events('CertificateExpired'), ['PodCertificate expired']);
    assert.deepEqual(node.world.running(), ['p/main']);
    await node.issue();
    assert.deepEqual(node.states(), [`{signer_name="${SIGNER}",state="fresh"} 1`]);
  });
});

describe('a certificate that is refused', () => {
  for (const [type, verb] of [
    ['Denied', 'was denied'],
    ['Failed', 'failed'],
  ] as const) {
    it(`(${type}) is not asked for again, and the pod is told why`, async (t) => {
      const node = await start(t);
      await node.run();
      const [request] = await node.requests();
      await node.refuse(type, 'NotYours', 'ask "them"');
      const outcome = type.toLowerCase();
      assert.equal(
        node.events('FailedMount').at(-1),
        `MountVolume.SetUp failed for volume "v" : PodCertificateRequest was permanently ${outcome}: reason="NotYours" message="ask \\"them\\""`,
      );
      // Upstream's words, with what its way of formatting makes of them.
      assert.deepEqual(node.events(type), [
        `NotYours%!(EXTRA string=PodCertificateRequest default/${request?.metadata?.name} ${verb}, reason="NotYours", message="ask \\"them\\"")`,
      ]);
      assert.deepEqual(node.states(), [`{signer_name="${SIGNER}",state="${outcome}"} 1`]);
      await node.advance(20 * MINUTE);
      assert.deepEqual(await node.requests(), []);
      assert.deepEqual(node.world.running(), []);
    });
  }

  it('leaves the files of a pod that runs as they were', async (t) => {
    const node = await start(t);
    await node.run();
    await node.issue();
    const before = await node.files();
    await node.advance(REFRESH + JITTER + PASS);
    await node.refuse('Denied', 'Enough', '');
    assert.deepEqual(await node.files(), before);
    assert.deepEqual(node.world.running(), ['p/main']);
    assert.match(node.events('FailedMount').at(-1) ?? '', /permanently denied: reason="Enough"/);
    await node.advance(3 * PASS);
    assert.deepEqual(await node.open(), []);
  });
});

describe('sources of one pod', () => {
  it('have keys of their own, and come together', async (t) => {
    const node = await start(t);
    await node.run([{}, { signerName: 'example.com/other' }]);
    const [one, other] = await node.requests();
    assert.ok(one && other);
    await node.refuse('Denied', 'No', '');
    assert.deepEqual(node.states().toSorted(), [
      '{signer_name="example.com/other",state="denied"} 1',
      `{signer_name="${SIGNER}",state="denied"} 1`,
    ]);
    const second = await start(t);
    await second.run([{}, {}]);
    assert.equal(await second.issue(), 2);
    const seen = [await second.files(0), await second.files(1)];
    assert.ok(seen.every((files) => files !== undefined && fits(files)));
    assert.notEqual(seen[0]?.key, seen[1]?.key);
    assert.deepEqual(second.states(), [`{signer_name="${SIGNER}",state="fresh"} 2`]);
  });

  it('that cannot be had are named together, and nothing of the others is there', async () => {
    const credentials = (_pod: unknown, _volume: string, index: number) => {
      if (index === 1) return { key: 'K', certificateChain: 'C' };
      throw new Error(`no ${index}`);
    };
    const sources = [0, 1, 2].map((index) => ({ podCertificate: { keyPath: `${index}` } }));
    const files = filesOf({
      pod: { metadata: { uid: 'u' } },
      volume: { name: 'v', projected: { sources } },
      facts: { podIps: [], hostIps: [], nodeAllocatable: {} },
      objects: undefined as never,
      tokens: undefined as never,
      trustBundles: undefined as never,
      podCertificates: { credentials, forget: () => {} },
    });
    await assert.rejects(files, /^Error: \[no 0, no 2\]$/);
  });
});

describe('for a pod that', () => {
  it('is gone nothing is asked, and nothing of it is kept', async (t) => {
    const node = await start(t);
    await node.run();
    await node.issue();
    const pod = await node.world.pod('p');
    // What runs of it is not easily ended.
    node.world.cri.crash = { call: 'stopContainer', downMs: MINUTE };
    await node.world.cluster.delete(POD, pod ?? {}, { gracePeriodSeconds: 0 });
    await node.advance(5 * SECOND);
    assert.deepEqual(node.states(), []);
    await node.advance(REFRESH + JITTER + PASS);
    assert.deepEqual(await node.open(), []);
  });

  it('has ended nothing is asked any more, also by the next kubelet', async (t) => {
    const node = await start(t);
    await node.world.runPod('p', {
      restartPolicy: 'Never',
      activeDeadlineSeconds: 60,
      volumes: [
        {
          name: 'v',
          projected: {
            sources: [{ podCertificate: { signerName: SIGNER, keyType: 'ED25519', keyPath: 'k' } }],
          },
        },
      ],
    });
    await node.issue();
    await node.advance(2 * MINUTE);
    assert.equal((await node.world.pod('p'))?.status?.phase, 'Failed');
    assert.deepEqual(node.states(), []);
    await node.advance(REFRESH + JITTER + PASS);
    await node.world.stop();
    await node.world.start(GATE_ON);
    await node.advance(PASS);
    assert.deepEqual(await node.open(), []);
  });

  it('runs, the next kubelet asks anew, whatever was asked before', async (t) => {
    const node = await start(t);
    await node.run();
    await node.issue();
    const before = await node.files();
    await node.world.stop();
    await node.world.start(GATE_ON);
    await node.advance(10 * SECOND);
    assert.deepEqual(await node.files(), before);
    assert.deepEqual(node.world.running(), ['p/main']);
    assert.equal(await node.issue(), 1);
    const after = await node.files();
    assert.ok(after && fits(after));
    assert.notEqual(after.key, before?.key);
  });

  it('waits, the next kubelet does not take what was issued for the key of the last', async (t) => {
    const node = await start(t);
    await node.run();
    await node.world.stop();
    await node.world.start(GATE_ON);
    await node.advance(10 * SECOND);
    const [old, fresh] = await node.requests();
    assert.notEqual(old?.spec?.stubPKCS10Request, fresh?.spec?.stubPKCS10Request);
    assert.equal(await node.issue(), 2);
    const seen = await node.files();
    assert.ok(seen && fits(seen));
  });

  it('is on a node without the gate there is nothing', async (t) => {
    const node = await start(t, {});
    await node.run();
    assert.equal(
      node.events('FailedMount')[0],
      'MountVolume.SetUp failed for volume "v" : unimplemented',
    );
    assert.deepEqual([await node.requests(), node.states()], [[], []]);
  });

  it('is in a cluster without such requests there is nothing either', async (t) => {
    const node = await start(t, GATE_ON, '');
    await node.run();
    const uid = (await node.world.pod('p'))?.metadata?.uid;
    assert.equal(
      node.events('FailedMount')[0],
      `MountVolume.SetUp failed for volume "v" : no credentials yet for key={default p ${uid} v 0}`,
    );
    assert.deepEqual(node.states(), []);
  });
});

describe('a node', () => {
  it('reads and makes requests of its own pods alone', async (t) => {
    const node = await start(t);
    await node.run();
    const { cluster } = node.world;
    const [request] = await node.requests();
    const { name = '', namespace = '' } = request?.metadata ?? {};
    const [own, other] = ['n1', 'n2'].map((one) => cluster.clientOf(nodeIdentity(one)));
    assert.ok(own && other && request);
    const get = (client: typeof own) =>
      cluster.run(client.get(POD_CERTIFICATE_REQUEST, name, namespace));
    assert.equal((await get(own)).metadata?.name, name);
    await assert.rejects(get(other), /no relationship found between node 'n2' and this object/);
    const list = (client: typeof own, fieldSelector?: string) =>
      cluster.run(
        client.list(POD_CERTIFICATE_REQUEST, fieldSelector === undefined ? {} : { fieldSelector }),
      );
    assert.equal((await list(own, 'spec.nodeName=n1')).items.length, 1);
    for (const selector of [undefined, 'spec.nodeName=n1'])
      await assert.rejects(list(other, selector), /can only list\/watch podcertificaterequests/);
    const create = (client: typeof own) =>
      cluster.run(
        client.create(POD_CERTIFICATE_REQUEST, {
          metadata: { namespace, generateName: 'req-' },
          ...(request.spec === undefined ? {} : { spec: request.spec }),
        }),
      );
    await create(own);
    await assert.rejects(create(other), /which is not the requesting node "n2"/);
  });
});

describe('the files of a certificate', () => {
  const modesFor = async (securityContext: PodSecurityContext, source = {}) => {
    const projected = { sources: [{ podCertificate: source }], defaultMode: 0o444 };
    const volume = { name: 'v', projected };
    const containers = [{ name: 'c', image: 'i' }];
    const files = await filesOf({
      pod: { metadata: { uid: 'u' }, spec: { containers, volumes: [volume], securityContext } },
      volume,
      facts: { podIps: [], hostIps: [], nodeAllocatable: {} },
      objects: undefined as never,
      tokens: undefined as never,
      trustBundles: undefined as never,
      podCertificates: {
        credentials: () => ({ key: 'K', certificateChain: 'C' }),
        forget: () => {},
      },
    });
    return [...(files ?? [])].map(([path, { data, mode, uid }]) => [
      path,
      Buffer.from(data).toString(),
      mode,
      uid,
    ]);
  };

  it('are those that the source names', async () => {
    assert.deepEqual(await modesFor({}, { credentialBundlePath: 'b', keyPath: '' }), [
      ['b', 'KC', 0o444, undefined],
    ]);
    assert.deepEqual(await modesFor({}, { keyPath: 'k', certificateChainPath: 'c' }), [
      ['k', 'K', 0o444, undefined],
      ['c', 'C', 0o444, undefined],
    ]);
  });

  it('are for the user and the group of the pod alone, where it names one', async () => {
    const all = { credentialBundlePath: 'b', keyPath: 'k', certificateChainPath: 'c' };
    for (const [, , mode, uid] of await modesFor({ runAsUser: 7 }, all))
      assert.deepEqual([mode, uid], [0o600, 7]);
    for (const [, , mode, uid] of await modesFor({ fsGroup: 9 }, all))
      assert.deepEqual([mode, uid], [0o600, undefined]);
  });
});
