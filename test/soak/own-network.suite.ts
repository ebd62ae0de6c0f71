/**
 * A cluster in a network namespace without a `/sys` of its own, as it is behind `unshare --net`: it
 * finds its interfaces, pods of its nodes reach each other, and nothing is left.
 */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { dataDirectoryAt, otherNodeDirectories } from '../../src/cli/data-directory.ts';
import { buildImage } from '../../src/cli/images/build.ts';
import { imageCacheFolder } from '../../src/cli/images/cache.ts';
import { PAUSE } from '../../src/cli/images/recipes.ts';
import { realProcesses } from '../../src/edge/processes.ts';
import { sh } from '../kit/network-namespaces.ts';
import { unlessReal } from '../e2e/needs.ts';
import {
  eventually,
  type Product,
  removeDirectory,
  run,
  startProduct,
  temporaryDirectory,
} from '../e2e/product.ts';
import { importBusyboxTo, podManifest } from '../e2e/real-cluster.ts';

const skip = unlessReal('a cluster in a network namespace of its own');
const NAMESPACE = `coxown${process.pid}`;
const INSIDE = ['nsenter', `--net=/run/netns/${NAMESPACE}`, '--'] as const;

describe('a cluster behind `unshare --net`', { skip }, () => {
  const directory = temporaryDirectory();
  let product: Product;

  const ok = async (command: string, input?: string): Promise<string> => {
    const [program, ...words] = [...INSIDE, 'kubectl', ...command.split(' ')];
    const environment = { KUBECONFIG: product.kubeconfig };
    const { code, stdout, stderr } = await run(program, words, {
      environment,
      ...(input === undefined ? {} : { input }),
    });
    assert.equal(code, 0, stderr);
    return stdout;
  };

  before(async () => {
    sh(`ip netns add ${NAMESPACE}
      ip -n ${NAMESPACE} link set lo up`);
    const dataDirectory = join(directory, 'data');
    const { images } = dataDirectoryAt(dataDirectory);
    // Nothing reaches a mirror from there.
    mkdirSync(images, { recursive: true });
    await buildImage(PAUSE, {
      processes: realProcesses(),
      folder: images,
      cache: imageCacheFolder(process.env),
      repository: process.cwd(),
    });
    product = await startProduct(['--example', 'none', '--nodes', '2'], {
      dataDirectory,
      through: INSIDE,
    });
    const data = dataDirectoryAt(dataDirectory);
    for (const each of [data, ...otherNodeDirectories(data)])
      await importBusyboxTo(each, data.images);
  });
  after(async () => {
    await product?.stop();
    await run('ip', ['netns', 'delete', NAMESPACE]);
    removeDirectory(directory);
  });

  it('has nodes whose pods reach each other', async () => {
    const nodes = await eventually(async () => {
      const names = (await ok('get nodes -o name')).trim().split('\n');
      return names.length === 2 ? names.map((name) => name.replace('node/', '')) : undefined;
    });
    await eventually(async () => ok('wait --for=condition=Ready node --all --timeout=60s'));
    await eventually(async () => ok('get serviceaccount default'));
    for (const [nth, nodeName] of nodes.entries()) {
      const serve = 'mkdir /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www';
      const pod = podManifest(`web${nth}`, serve, { spec: { nodeName } });
      await ok('create -f -', JSON.stringify(pod));
    }
    await ok('wait --for=condition=Ready pod --all --timeout=60s');
    const address = await ok('get pod web1 -o jsonpath={.status.podIP}');
    await eventually(async () => {
      const page = await ok(`exec web0 -- timeout 5 wget -qO- http://${address}:8080/`);
      return page === 'web1\n' ? true : undefined;
    });
  });

  it('leaves nothing behind', async () => {
    const data = dataDirectoryAt(product.dataDirectory);
    const links = (): string => sh(`ip -n ${NAMESPACE} -brief link`);
    assert.match(links(), new RegExp(`cox${data.hash}b`));
    await product.stop();
    assert.doesNotMatch(links(), /cox|veth/);
    for (const { runtimePath } of [data, ...otherNodeDirectories(data)]) {
      assert.equal(existsSync(runtimePath), false);
      assert.ok(!sh('cat /proc/self/mounts').includes(runtimePath));
    }
  });
});
