/** Trust anchors in projected volumes: a kubelet asks a whole API server for the bundles. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { CLUSTER_TRUST_BUNDLE } from '#api/certificates/cluster-trust-bundle.ts';
import { FeatureGates, parseFeatureGates } from '#api/features/feature-gates.ts';
import { parseRuntimeConfig } from '#api/features/runtime-config.ts';
import type { ClusterTrustBundle } from '#api/gen/certificates-v1beta1.ts';
import type { ClusterTrustBundleProjection, PodSecurityContext } from '#api/gen/core-v1.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import { selfSigned } from '#kit/self-signed.ts';
import { filesOf } from './sources.ts';
import { TrustBundles } from './trust-bundles.ts';

const SECOND = 1000;
const GATES = 'ClusterTrustBundle=true,ClusterTrustBundleProjection=true';
const SIGNER = 'example.com/a';
const [ONE, TWO, THREE] = [
  selfSigned('authority'),
  selfSigned('authority'),
  selfSigned('authority'),
];
const NONE_MATCHED = 'combination of signerName and labelSelector matched zero ClusterTrustBundles';
const UNSUPPORTED = 'ClusterTrustBundle projection is not supported in static kubelet mode';

interface Wish {
  readonly versions?: readonly string[];
  readonly featureGates?: Readonly<Record<string, boolean>>;
}

async function start(
  t: TestContext,
  {
    versions = ['v1beta1', 'v1alpha1'],
    featureGates = { ClusterTrustBundle: true, ClusterTrustBundleProjection: true },
  }: Wish = {},
): Promise<KubeletWorld> {
  const runtimeConfig = versions.map((version) => `certificates.k8s.io/${version}=true`).join();
  const cluster = await TestCluster.start({
    nodes: 0,
    scheduler: false,
    apiServer: {
      featureGates: new FeatureGates(parseFeatureGates(GATES)),
      runtimeConfig: parseRuntimeConfig(runtimeConfig),
    },
  });
  t.after(() => cluster.stop());
  const world = await KubeletWorld.make(cluster);
  t.after(() => world.stop());
  await world.start({ featureGates });
  return world;
}

const bundle = (name: string, trustBundle: string, labels = {}): ClusterTrustBundle => ({
  metadata: { name, labels },
  spec: { trustBundle },
});
const signed = (name: string, trustBundle: string, labels = {}): ClusterTrustBundle => ({
  metadata: { name: `example.com:a:${name}`, labels },
  spec: { signerName: SIGNER, trustBundle },
});

async function run(
  world: KubeletWorld,
  wish: Omit<ClusterTrustBundleProjection, 'path'>,
): Promise<void> {
  const projected = { sources: [{ clusterTrustBundle: { path: 'ca/anchors.pem', ...wish } }] };
  await world.runPod('p', { volumes: [{ name: 'trust', projected }] });
}

/** What the pod reads now; undefined while there is nothing. */
async function anchors(world: KubeletWorld): Promise<string | undefined> {
  const uid = (await world.pod('p'))?.metadata?.uid ?? '';
  const directory = `/var/lib/kubelet/memory/${uid}/trust`;
  const current = await world.fileSystem.readLink(`${directory}/..data`).catch(() => undefined);
  if (current === undefined) return undefined;
  return world.fileSystem.readText(`${directory}/${current}/ca/anchors.pem`);
}

/** In an order that does not depend on the kubelet. */
const sorted = (text: string | undefined): string[] =>
  (text ?? '').split(/(?<=-----END CERTIFICATE-----\n)/).toSorted();

const refused = (world: KubeletWorld): (string | undefined)[] =>
  world.events.filter(({ reason }) => reason === 'FailedMount').map(({ message }) => message);

const failure = (text: string): string => `MountVolume.SetUp failed for volume "trust" : ${text}`;

describe('a bundle by name', () => {
  it('is a file of its certificates, each once, and nothing else', async (t) => {
    const world = await start(t);
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, bundle('b', `note\n${ONE}\n\n${TWO}`));
    await run(world, { name: 'b' });
    assert.deepEqual(world.running(), ['p/main']);
    assert.deepEqual(sorted(await anchors(world)), [ONE, TWO].toSorted());
  });

  it('is current, in no more than moments after the bundle has changed', async (t) => {
    const world = await start(t);
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, bundle('b', ONE));
    await run(world, { name: 'b' });
    await world.cluster.patch(CLUSTER_TRUST_BUNDLE, bundle('b', ''), {
      spec: { trustBundle: TWO },
    });
    await world.advance(2 * SECOND);
    assert.equal(await anchors(world), TWO);
  });

  it('is waited for, unless the pod can do without', async (t) => {
    const world = await start(t);
    await run(world, { name: 'late' });
    assert.deepEqual(world.running(), []);
    assert.equal(
      refused(world)[0],
      failure(
        'while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "late" not found',
      ),
    );
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, bundle('late', ONE));
    await world.advance(2 * SECOND);
    assert.deepEqual(world.running(), ['p/main']);
    const other = await start(t);
    await run(other, { name: 'never', optional: true });
    assert.deepEqual(other.running(), ['p/main']);
    assert.equal(await anchors(other), '');
  });
});

describe('bundles of a signer', () => {
  it('are those that the labels select, together, each certificate once', async (t) => {
    const world = await start(t);
    const both = { live: 'yes' };
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, signed('x', ONE + TWO, both));
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, signed('y', TWO + THREE, both));
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, signed('z', selfSigned('authority')));
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, bundle('b', selfSigned('authority'), both));
    await run(world, { signerName: SIGNER, labelSelector: { matchLabels: both } });
    assert.deepEqual(sorted(await anchors(world)), [ONE, TWO, THREE].toSorted());
  });

  it('are all with an empty selector, and none without one', async (t) => {
    const world = await start(t);
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, signed('x', ONE, { a: 'b' }));
    await run(world, { signerName: SIGNER, labelSelector: {} });
    assert.equal(await anchors(world), ONE);
    const other = await start(t);
    await other.cluster.create(CLUSTER_TRUST_BUNDLE, signed('x', ONE));
    await run(other, { signerName: SIGNER });
    assert.equal(refused(other)[0], failure(NONE_MATCHED));
    const third = await start(t);
    await third.cluster.create(CLUSTER_TRUST_BUNDLE, signed('x', ONE));
    await run(third, { signerName: SIGNER, optional: true });
    assert.equal(await anchors(third), '');
  });

  it('keep their order when one more comes', async (t) => {
    const world = await start(t);
    const many = Array.from({ length: 6 }, () => selfSigned('authority'));
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, signed('x', many.join('')));
    await run(world, { signerName: SIGNER, labelSelector: {} });
    const before = await anchors(world);
    assert.deepEqual(sorted(before), many.toSorted());
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, signed('y', ONE));
    await world.advance(2 * SECOND);
    assert.equal((await anchors(world))?.replace(ONE, ''), before);
    await world.stop();
    await world.start({ featureGates: { ClusterTrustBundleProjection: true } });
    await world.advance(10 * SECOND);
    assert.deepEqual(sorted(await anchors(world)), [...many, ONE].toSorted());
    assert.notEqual((await anchors(world))?.replace(ONE, ''), before);
  });
});

describe('where bundles are not to be had', () => {
  it('an older server is asked for its version', async (t) => {
    const world = await start(t, { versions: ['v1alpha1'] });
    const older = { ...CLUSTER_TRUST_BUNDLE, version: 'v1alpha1' };
    await world.cluster.create(older, bundle('b', ONE));
    await run(world, { name: 'b' });
    assert.equal(await anchors(world), ONE);
  });

  it('a kubelet without the gate says so, and so does one whose server has none', async (t) => {
    const closed = await start(t, { featureGates: {} });
    await closed.cluster.create(CLUSTER_TRUST_BUNDLE, bundle('b', ONE));
    await run(closed, { name: 'b' });
    assert.equal(refused(closed)[0], failure(UNSUPPORTED));
    const bare = await start(t, { versions: [] });
    await run(bare, { name: 'b', optional: true });
    assert.equal(refused(bare)[0], failure(UNSUPPORTED));
  });

  it('a server that cannot be reached is named as the cause, and asked again', async (t) => {
    const world = await start(t);
    await world.cluster.create(CLUSTER_TRUST_BUNDLE, bundle('b', ONE));
    const context = world.kubelet?.context;
    assert.ok(context);
    const bundles = new TrustBundles({
      client: context.client,
      environment: context.environment,
      configuration: { featureGates: { ClusterTrustBundleProjection: true } },
      signal: new AbortController().signal,
      onChange: () => {},
    });
    const ask = () => world.cluster.run(bundles.anchors('u', { name: 'b', path: 'x' }));
    world.isCutOff = true;
    await assert.rejects(
      ask(),
      /^Error: failed to ensure informer manager for ClusterTrustBundles: failed to determine which informer manager to choose: /,
    );
    world.isCutOff = false;
    assert.equal(await ask(), ONE);
  });
});

describe('the file of trust anchors', () => {
  it('is for the user and the group of the pod alone, where it names one', async () => {
    const modeFor = async (securityContext: PodSecurityContext) => {
      const projected = { sources: [{ clusterTrustBundle: { name: 'b', path: 'a' } }] };
      const volume = { name: 'v', projected };
      const containers = [{ name: 'c', image: 'i' }];
      const files = await filesOf({
        pod: { metadata: { uid: 'u' }, spec: { containers, volumes: [volume], securityContext } },
        volume,
        facts: { podIps: [], hostIps: [], nodeAllocatable: {} },
        objects: undefined as never,
        tokens: undefined as never,
        trustBundles: { anchors: () => Promise.resolve(ONE), forget: () => {} },
        podCertificates: undefined as never,
      });
      const { mode, uid } = files?.get('a') ?? {};
      return [mode, uid];
    };
    assert.deepEqual(await modeFor({}), [0o644, undefined]);
    assert.deepEqual(await modeFor({ runAsUser: 7 }), [0o600, 7]);
    assert.deepEqual(await modeFor({ fsGroup: 9 }), [0o600, undefined]);
  });
});
