/** Which images of the node a pod may use: a whole kubelet, and a runtime with a registry. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type * as m from '#api/gen/cri-v1.ts';
import type { Container, PodSpec, Secret } from '#api/gen/core-v1.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { SECRET } from '../resources.ts';
import { fileNameOf } from './image-pull-records.ts';

const SECOND = 1000;
const LOOK_MS = 300_000;
const PRIVATE = 'r.example/private:1';
const PUBLIC = 'p.example/public:1';
const PULLING = '/var/lib/kubelet/image_manager/pulling';
const PULLED = '/var/lib/kubelet/image_manager/pulled';

type PullPolicy = NonNullable<Container['imagePullPolicy']>;

/** A secret that lets this user in at `r.example`. */
function pullSecret(name: string, user: string): Secret {
  const config = JSON.stringify({ auths: { 'r.example': { username: user, password: 'p' } } });
  return {
    metadata: { name, namespace: 'default' },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': Buffer.from(config).toString('base64') },
  };
}

class Node {
  readonly world: KubeletWorld;
  readonly cluster: TestCluster;
  /** Images that are there: by name, their id. */
  readonly images = new Map<string, string>();
  /** Who tried to pull what. */
  pulls: string[] = [];
  /** Pulls wait for it. */
  held: Promise<void> | undefined;

  constructor(cluster: TestCluster, world: KubeletWorld) {
    this.cluster = cluster;
    this.world = world;
    const call = world.cri.call.bind(world.cri);
    world.cri.call = async (name, request, options) => {
      const answer = await this.#answer(name, request);
      // Each answer is of the type that the table gives for the call.
      return answer === undefined ? call(name, request, options) : (answer as never);
    };
  }

  static async make(t: TestContext, more: Partial<KubeletConfiguration> = {}): Promise<Node> {
    const cluster = await TestCluster.start({ nodes: 0 });
    t.after(() => cluster.stop());
    await cluster.create(SECRET, pullSecret('good', 'good'));
    await cluster.create(SECRET, pullSecret('bad', 'bad'));
    await cluster.create(SECRET, pullSecret('copy', 'good'));
    const world = await KubeletWorld.make(cluster);
    t.after(() => world.stop());
    const node = new Node(cluster, world);
    await world.start(more);
    return node;
  }

  async #answer(name: string, request: object): Promise<object | undefined> {
    if (name === 'imageStatus') {
      const { image: { image = '' } = {} } = request as m.ImageStatusRequest;
      const id = this.images.get(image);
      return id === undefined ? {} : { image: { id, size: 1 } };
    }
    if (name === 'listImages')
      return { images: [...this.images].map(([tag, id]) => ({ id, repoTags: [tag] })) };
    if (name === 'imageFsInfo') return { imageFilesystems: [{ fsId: { mountpoint: '/' } }] };
    if (name !== 'pullImage') return undefined;
    const { image: { image = '' } = {}, auth } = request as m.PullImageRequest;
    const user = auth?.username ?? 'nobody';
    assert.deepEqual(Object.keys(auth ?? {}), auth === undefined ? [] : ['username', 'password']);
    this.pulls.push(`${user} ${image}`);
    await this.held;
    if (image.startsWith('r.example/') && user !== 'good')
      throw new GrpcError(GRPC_CODE.unknown, `denied: ${user}`);
    this.images.set(image, `sha256:${image}`);
    return {};
  }

  /** One pod: what it waits for, `running` if for nothing, and who tried to pull meanwhile. */
  async run(
    name: string,
    secrets: readonly string[],
    {
      image = PRIVATE,
      policy = 'IfNotPresent',
    }: { readonly image?: string; readonly policy?: PullPolicy } = {},
  ): Promise<readonly [state: string | undefined, ...pulls: string[]]> {
    this.pulls = [];
    const spec: Partial<PodSpec> = {
      imagePullSecrets: secrets.map((secret) => ({ name: secret })),
      containers: [{ name: 'main', image, imagePullPolicy: policy }],
      terminationGracePeriodSeconds: 1,
    };
    await this.world.runPod(name, spec);
    return [await this.stateOf(name), ...new Set(this.pulls)];
  }

  async stateOf(name: string): Promise<string | undefined> {
    const pod = await this.world.pod(name);
    const state = pod?.status?.containerStatuses?.[0]?.state;
    return state?.running === undefined ? state?.waiting?.reason : 'running';
  }

  async restart(more: Partial<KubeletConfiguration> = {}): Promise<void> {
    await this.world.stop();
    await this.world.start(more);
  }

  /** What is on disk when a kubelet ended in the middle of a pull. */
  leave(image: string): Promise<void> {
    const text = `{"apiVersion":"kubelet.config.k8s.io/v1alpha1","kind":"ImagePullIntent","image":"${image}"}`;
    return this.world.fileSystem.writeFile(`${PULLING}/${fileNameOf(image)}`, text);
  }

  told(text: string): boolean {
    return this.world.events.some(({ message }) => message === text);
  }
}

const PRESENT = `Container image "${PRIVATE}" already present on machine`;
const BY_GOOD = `good ${PRIVATE}`;
const BY_BAD = `bad ${PRIVATE}`;
const BY_NOBODY = `nobody ${PRIVATE}`;

describe('an image that was pulled with a secret', () => {
  it('is for pods that have it, and others must pull it themselves', async (t) => {
    const node = await Node.make(t);
    assert.deepEqual(await node.run('first', ['bad', 'good']), ['running', BY_BAD, BY_GOOD]);
    assert.deepEqual(await node.run('second', ['good']), ['running']);
    const metrics = node.world.kubelet?.context?.metrics.registry.text() ?? '';
    for (const line of [
      'image_mustpull_checks_total{result="credentialRecordFound"} 1',
      'ondisk_pulledrecords 1',
      'ondisk_pullintents 0',
    ])
      assert.ok(metrics.includes(`\nkubelet_imagemanager_${line}\n`), line);
    assert.ok(node.told(`${PRESENT} and can be accessed by the pod`));
    for (const [name, secrets, by] of [
      ['none', [], BY_NOBODY],
      ['wrong', ['bad'], BY_BAD],
    ] as const) {
      const [state, ...pulls] = await node.run(name, secrets);
      assert.match(state ?? '', /^(ErrImagePull|ImagePullBackOff)$/);
      // Those who were refused before go on trying.
      assert.ok(pulls.includes(by), pulls.join());
      assert.ok(!pulls.includes(BY_GOOD));
    }
  });

  it('is as if it were not there for a pod that never pulls and may not use it', async (t) => {
    const node = await Node.make(t);
    await node.run('first', ['good']);
    assert.deepEqual(await node.run('second', [], { policy: 'Never' }), ['ErrImageNeverPull']);
    const message = `Container image "${PRIVATE}" is not present with pull policy of Never`;
    assert.ok(node.told(message));
    assert.deepEqual(await node.run('third', ['good'], { policy: 'Never' }), ['running']);
  });

  it('is for pods with the same credentials in another secret, which is remembered', async (t) => {
    const node = await Node.make(t);
    await node.run('first', ['good']);
    assert.deepEqual(await node.run('p', ['copy']), ['running']);
    const text = await node.world.fileSystem.readText(
      `${PULLED}/${fileNameOf(`sha256:${PRIVATE}`)}`,
    );
    const { credentialMapping } = JSON.parse(text) as {
      credentialMapping: Record<string, { kubernetesSecrets: { name: string }[] }>;
    };
    assert.deepEqual(
      credentialMapping['r.example/private']?.kubernetesSecrets.map(({ name }) => name),
      ['copy', 'good'],
    );
  });

  it('is for pods whose secret has changed since', async (t) => {
    const node = await Node.make(t);
    await node.run('first', ['good']);
    const { data } = pullSecret('good', 'changed');
    await node.cluster.patch(SECRET, pullSecret('good', 'good'), { data });
    await node.world.advance(120 * SECOND);
    assert.deepEqual(await node.run('second', ['good']), ['running']);
  });

  it('is remembered by the next kubelet', async (t) => {
    const node = await Node.make(t);
    await node.run('first', ['good']);
    await node.restart();
    assert.deepEqual(await node.run('second', [], { policy: 'Never' }), ['ErrImageNeverPull']);
    assert.deepEqual(await node.run('third', ['good']), ['running']);
  });

  it('is everybody’s under another name only when that was pulled', async (t) => {
    const node = await Node.make(t);
    await node.run('first', ['good']);
    node.images.set('p.example/mirror:1', `sha256:${PRIVATE}`);
    assert.deepEqual(
      await node.run('second', [], { image: 'p.example/mirror:1', policy: 'Never' }),
      ['ErrImageNeverPull'],
    );
    node.images.set(PUBLIC, `sha256:${PRIVATE}`);
    await node.run('third', [], { image: PUBLIC, policy: 'Always' });
    assert.equal(node.images.get(PUBLIC), `sha256:${PUBLIC}`);
  });
});

describe('an image that anybody can pull', () => {
  it('is for all once it was pulled', async (t) => {
    const node = await Node.make(t);
    const by = `nobody ${PUBLIC}`;
    assert.deepEqual(await node.run('first', [], { image: PUBLIC }), ['running', by]);
    assert.deepEqual(await node.run('second', ['bad'], { image: PUBLIC, policy: 'Never' }), [
      'running',
    ]);
  });

  it('so is one that was pulled with credentials of the node', async (t) => {
    const node = await Node.make(t);
    await node.world.fileSystem.writeFile(
      '/var/lib/kubelet/config.json',
      JSON.stringify({ auths: { 'r.example': { username: 'good', password: 'p' } } }),
    );
    assert.deepEqual(await node.run('first', []), ['running', BY_GOOD]);
    assert.deepEqual(await node.run('second', ['bad']), ['running']);
  });
});

describe('the policy', () => {
  /** What a pod without secrets meets: of an image that was there before, and of one that was pulled. */
  const cases: readonly [Partial<KubeletConfiguration>, preloaded: RegExp, pulled: RegExp][] = [
    [{}, /^running$/, /Pull/],
    [{ imagePullCredentialsVerificationPolicy: 'NeverVerify' }, /^running$/, /^running$/],
    [
      {
        imagePullCredentialsVerificationPolicy: 'NeverVerifyAllowlistedImages',
        preloadedImagesVerificationAllowlist: ['r.example/old'],
      },
      /^running$/,
      /Pull/,
    ],
    [
      {
        imagePullCredentialsVerificationPolicy: 'NeverVerifyAllowlistedImages',
        preloadedImagesVerificationAllowlist: ['r.example/*'],
      },
      /^running$/,
      /^running$/,
    ],
    [{ imagePullCredentialsVerificationPolicy: 'AlwaysVerify' }, /Pull/, /Pull/],
    [{ featureGates: { KubeletEnsureSecretPulledImages: false } }, /^running$/, /^running$/],
  ];
  for (const [config, preloaded, pulled] of cases)
    it(JSON.stringify(config), async (t) => {
      const node = await Node.make(t, config);
      node.images.set('r.example/old:1', 'sha256:old');
      const [old] = await node.run('old', [], { image: 'r.example/old:1' });
      assert.match(old ?? '', preloaded);
      await node.run('first', ['good']);
      const [state] = await node.run('second', []);
      assert.match(state ?? '', pulled);
      const isOn = config.featureGates === undefined;
      assert.equal(node.told(PRESENT), !isOn);
      assert.equal((await node.world.fileSystem.stat(PULLED)) !== undefined, isOn);
    });
});

describe('records of pulls', () => {
  it('are of those under way, too', async (t) => {
    const node = await Node.make(t);
    const { promise, resolve } = Promise.withResolvers<void>();
    node.held = promise;
    await node.run('first', ['good']);
    await node.run('again', ['good']);
    assert.deepEqual(await node.world.fileSystem.list(PULLING), [fileNameOf(PRIVATE)]);
    // Somebody else brings the image meanwhile.
    node.images.set(PRIVATE, 'sha256:x');
    assert.deepEqual(await node.run('second', [], { policy: 'Never' }), ['ErrImageNeverPull']);
    resolve();
    await node.world.advance(SECOND);
    assert.equal(await node.stateOf('first'), 'running');
    assert.deepEqual(await node.world.fileSystem.list(PULLING), []);
  });

  it('of a pull that failed go', async (t) => {
    const node = await Node.make(t);
    await node.run('first', ['bad']);
    assert.deepEqual(await node.world.fileSystem.list(PULLING), []);
    assert.deepEqual(await node.world.fileSystem.list(PULLED), []);
  });

  it('of a pull in whose middle a kubelet ended make the next pod show its credentials', async (t) => {
    const node = await Node.make(t);
    await node.world.stop();
    await node.leave('r.example/private');
    node.images.set('r.example/private:latest', 'sha256:x');
    await node.world.start();
    assert.deepEqual(await node.world.fileSystem.list(PULLING), []);
    const image = 'r.example/private';
    assert.deepEqual(await node.run('second', [], { image, policy: 'Never' }), [
      'ErrImageNeverPull',
    ]);
    assert.deepEqual(await node.run('third', ['good'], { image }), [
      'running',
      `good ${image}:latest`,
    ]);
  });

  it('go when the image goes, and so do those of pulls that never ended', async (t) => {
    const node = await Node.make(t);
    await node.run('first', ['good']);
    await node.run('public', [], { image: PUBLIC });
    await node.world.stop();
    await node.leave('gone:1');
    await node.world.start();
    assert.deepEqual(await node.world.fileSystem.list(PULLING), [fileNameOf('gone:1')]);
    node.images.delete(PUBLIC);
    await node.world.advance(LOOK_MS + 10 * SECOND);
    assert.deepEqual(await node.world.fileSystem.list(PULLED), [fileNameOf(`sha256:${PRIVATE}`)]);
    assert.deepEqual(await node.world.fileSystem.list(PULLING), []);
  });

  it('that cannot be read keep pods from the image, and are written anew', async (t) => {
    const node = await Node.make(t);
    await node.run('first', ['good']);
    const path = `${PULLED}/${fileNameOf(`sha256:${PRIVATE}`)}`;
    await node.world.fileSystem.writeFile(path, '{');
    assert.deepEqual(await node.run('second', [], { policy: 'Never' }), ['ErrImageNeverPull']);
    assert.deepEqual(await node.run('third', ['good']), ['running', BY_GOOD]);
    assert.deepEqual(await node.run('fourth', ['good']), ['running']);
  });

  it('that cannot be written keep images from being pulled', async (t) => {
    const node = await Node.make(t);
    const { fileSystem } = node.world;
    fileSystem.writeFileAtomic = (path) =>
      Promise.reject(new Error(`ENOSPC: ${path.slice(0, 38)}`));
    const [state, ...pulls] = await node.run('first', ['good']);
    assert.equal(state, 'ErrImagePull');
    assert.deepEqual(pulls, []);
    const waiting = (await node.world.pod('first'))?.status?.containerStatuses?.[0]?.state?.waiting;
    assert.equal(
      waiting?.message,
      `Failed to record image pull intent for container image "${PRIVATE}": failed to record image pull intent: ENOSPC: ${PULLING}`,
    );
  });
});
