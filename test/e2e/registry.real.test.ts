/**
 * Pulls from a real registry: by tag and digest, with passwords from pull secrets and the node,
 * without, by each policy, through a mirror, and while the registry is down.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { freePort } from '../../src/cli/component/test-server.ts';
import { nodeLayout } from '../../src/cli/node-layout.ts';
import { Registry, USER } from '../kit/registry.ts';
import { unlessCommand, unlessReal } from './needs.ts';
import { eventually, run } from './product.ts';
import { BUSYBOX } from '../kit/busybox-image.ts';
import { podManifest, type RealCluster, startRealCluster } from './real-cluster.ts';

const skip =
  unlessReal('pulls from a registry') || unlessCommand('docker-registry', 'pulls from a registry');

interface Waiting {
  readonly reason?: string;
  readonly message?: string;
}

interface PodObject {
  readonly status: { readonly containerStatuses?: { state: { waiting?: Waiting } }[] };
}

const waitingIn = ({ status }: PodObject): Waiting | undefined =>
  status.containerStatuses?.[0]?.state.waiting;

describe('pulls from a registry', { skip }, () => {
  let cluster: RealCluster;
  /** Without a password, and with one, over the same images. */
  let open: Registry;
  let guarded: Registry;
  /** A name that only `hosts.toml` knows. */
  const mirrored = 'registry.invalid:5000';

  const ctr = async (...args: string[]): Promise<string> => {
    const socket = nodeLayout(dataDirectoryAt(cluster.product.dataDirectory)).containerdSocket;
    const { code, stdout, stderr } = await run('ctr', [
      '--address',
      socket,
      '--namespace',
      'k8s.io',
      ...args,
    ]);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const create = async (
    name: string,
    image: string,
    { policy = 'Always', spec = {} }: { policy?: string; spec?: object } = {},
  ): Promise<void> => {
    const container = { image, imagePullPolicy: policy };
    const manifest = podManifest(name, 'sleep 3600', { container, spec: {} });
    const { spec: made } = manifest as { spec: object };
    const pod = { ...manifest, spec: { ...made, ...spec } };
    await cluster.ok('create -f -', JSON.stringify(pod));
  };
  const ready = async (name: string): Promise<void> => {
    await cluster.ok(`wait --for=condition=Ready pod/${name} --timeout=60s`);
    await cluster.ok(`delete pod ${name} --now`);
  };
  /** What a container waits for, once that is `reason`; it may be over within moments. */
  const waiting = (name: string, reason: string): Promise<Waiting> =>
    eventually(async () => {
      const pod = JSON.parse(await cluster.ok(`get pod ${name} -o json`)) as PodObject;
      const found = waitingIn(pod);
      return found?.reason === reason ? found : undefined;
    });
  /** Makes a pod, and gives the message of its ErrImagePull, which only a watch is sure to see. */
  const firstFailure = async (name: string, image: string): Promise<string> => {
    const path = `/api/v1/namespaces/default/pods?watch=1&fieldSelector=metadata.name=${name}`;
    const watch = cluster.product.stream(['get', '--raw', path]);
    try {
      await create(name, image);
      const [event] = await watch.until(/^.*"reason":"ErrImagePull".*$/m);
      const { object } = JSON.parse(event) as { object: PodObject };
      return waitingIn(object)?.message ?? '';
    } finally {
      await watch.stop();
    }
  };
  const events = async (name: string): Promise<string> =>
    cluster.ok([
      'get',
      'events',
      `--field-selector=involvedObject.name=${name}`,
      '-o',
      'jsonpath={range .items[*]}{.type} {.reason}: {.message}{"\\n"}{end}',
    ]);

  before(async () => {
    cluster = await startRealCluster();
    const { directory } = cluster;
    const images = join(directory, 'registry');
    const [openPort, guardedPort] = [await freePort(), await freePort()];
    const of = (name: string, port: number): Registry =>
      new Registry({
        port,
        images,
        configuration: join(directory, `${name}.yml`),
        isGuarded: name === 'guarded',
      });
    open = of('open', openPort);
    guarded = of('guarded', guardedPort);
    await Promise.all([open.start(), guarded.start()]);
    const { dataDirectory } = cluster.product;
    // Before the first pull: what the node knows is looked at every five minutes.
    const auth = Buffer.from(`${USER.name}:${USER.password}`).toString('base64');
    writeFileSync(
      join(dataDirectory, 'kubelet', 'config.json'),
      JSON.stringify({ auths: { [`${guarded.host}/node`]: { auth } } }),
    );
    const folder = join(dataDirectory, 'registries', mirrored);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'hosts.toml'),
      `server = "https://${mirrored}"\n\n[host."http://${open.host}"]\n  capabilities = ["pull", "resolve"]\n`,
    );
    for (const name of ['test/box:1', 'node/box:1']) {
      const reference = `${open.host}/${name}`;
      await ctr('images', 'tag', BUSYBOX, reference);
      await ctr('images', 'push', '--plain-http', reference);
      await ctr('images', 'rm', '--sync', reference);
    }
    // Nothing of it is on the node any more.
    await ctr('images', 'rm', '--sync', BUSYBOX);
  });
  after(async () => {
    await cluster?.close();
    await Promise.all([open?.stop(), guarded?.stop()]);
  });

  it('by tag, and says how long it took', async () => {
    const image = `${open.host}/test/box:1`;
    await create('tag', image);
    await ready('tag');
    const told = await events('tag');
    assert.match(told, new RegExp(`Normal Pulling: Pulling image "${image}"`));
    assert.match(
      told,
      new RegExp(
        `Normal Pulled: Successfully pulled image "${image}" in \\S+s \\(\\S+s including waiting\\)\\. Image size: \\d+ bytes\\.`,
      ),
    );
  });

  it('by digest, and shows it', async () => {
    const digest = await open.digest('test/box', '1');
    const image = `${open.host}/test/box@${digest}`;
    await create('digest', image, { policy: 'IfNotPresent' });
    await cluster.ok('wait --for=condition=Ready pod/digest --timeout=60s');
    const path = 'jsonpath={.status.containerStatuses[0].imageID}';
    assert.equal(await cluster.ok(['get', 'pod', 'digest', '-o', path]), image);
    await cluster.ok('delete pod digest --now');
  });

  it('through a mirror without TLS that only hosts.toml knows', async () => {
    await create('mirror', `${mirrored}/test/box:1`);
    await ready('mirror');
  });

  it('without a password: ErrImagePull, then ImagePullBackOff', async () => {
    const image = `${guarded.host}/test/box:1`;
    const first = await firstFailure('refused', image);
    assert.match(first, /^rpc error: code = Unknown desc = failed to pull and unpack image/);
    assert.match(first, /401 Unauthorized|authorization failed/);
    const { message = '' } = await waiting('refused', 'ImagePullBackOff');
    assert.equal(message, `Back-off pulling image "${image}": ErrImagePull: ${first}`);
    const told = await events('refused');
    for (const line of [
      `Warning Failed: Failed to pull image "${image}": ${first}`,
      'Warning Failed: Error: ErrImagePull',
      `Normal BackOff: Back-off pulling image "${image}"`,
      'Warning Failed: Error: ImagePullBackOff',
    ])
      assert.ok(told.includes(line), `${line}\nis not in\n${told}`);
    await cluster.ok('delete pod refused --now');
  });

  it('with pull secrets of both types', async () => {
    await cluster.ok([
      'create',
      'secret',
      'docker-registry',
      'modern',
      `--docker-server=${guarded.host}`,
      `--docker-username=${USER.name}`,
      `--docker-password=${USER.password}`,
    ]);
    const entry = { username: USER.name, password: USER.password };
    const old = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'old' },
      type: 'kubernetes.io/dockercfg',
      stringData: { '.dockercfg': JSON.stringify({ [`http://${guarded.host}/v1/`]: entry }) },
    };
    await cluster.ok('create -f -', JSON.stringify(old));
    for (const name of ['modern', 'old']) {
      await create(name, `${guarded.host}/test/box:1`, { spec: { imagePullSecrets: [{ name }] } });
      await ready(name);
    }
  });

  it('with a password of the node, for the path that it is for', async () => {
    await create('node', `${guarded.host}/node/box:1`);
    await ready('node');
  });

  it('by policy: Never pulls nothing, IfNotPresent what is missing, Always asks each time', async () => {
    const present = `${open.host}/test/box:1`;
    const missing = `${open.host}/node/box:1`;
    await create('never', missing, { policy: 'Never' });
    const { message } = await waiting('never', 'ErrImageNeverPull');
    assert.equal(message, `Container image "${missing}" is not present with pull policy of Never`);
    await cluster.ok('delete pod never --now');
    await open.stop();
    try {
      await create('never', present, { policy: 'Never' });
      await create('if-not-present', present, { policy: 'IfNotPresent' });
      await create('always', present);
      await ready('never');
      await ready('if-not-present');
      const { message: why = '' } = await waiting('always', 'ImagePullBackOff');
      assert.match(why, /connection refused/);
    } finally {
      await open.start();
    }
    // The back-off is 10 s, then 20.
    await ready('always');
  });

  it('when the registry is up again', async () => {
    await open.stop();
    const image = `${open.host}/node/box:1`;
    try {
      await create('later', image, { policy: 'IfNotPresent' });
      const { message = '' } = await waiting('later', 'ImagePullBackOff');
      assert.match(
        message,
        new RegExp(`^Back-off pulling image "${image}": ErrImagePull: .*refused`),
      );
    } finally {
      await open.start();
    }
    await ready('later');
    assert.match(await events('later'), /Normal Pulled: Successfully pulled image/);
  });

  it('of what is not there: says so', async () => {
    const message = await firstFailure('absent', `${open.host}/test/absent:1`);
    assert.match(message, /^rpc error: code = NotFound desc = .*not found$/);
  });
});
