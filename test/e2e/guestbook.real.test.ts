/**
 * The product as a user starts it, with real containers: the guestbook is served, survives, rolls
 * and stops without a trace. Needs root, Linux and kubectl.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { startTicksOf } from '../../src/cli/supervisor.ts';
import { ask, oneConnection } from './http.ts';
import { unlessReal } from './needs.ts';
import {
  eventually,
  type Product,
  removeDirectory,
  run,
  startProduct,
  temporaryDirectory,
} from './product.ts';

const skip = unlessReal('the guestbook with real containers');

/** A process that was killed is back by then. */
const BACK_MS = 2_000;

describe('the guestbook', { skip }, () => {
  let product: Product;
  let directory: string;
  let data: string;
  let page: string;
  const ok = (command: string | readonly string[]): Promise<string> => product.ok(command);

  const start = async (): Promise<void> => {
    product = await startProduct([], { dataDirectory: data });
    page = /served at (\S+)/.exec(product.printed())?.[1] ?? '';
  };
  const pidOf = (name: string): number =>
    (JSON.parse(readFileSync(join(data, 'run', `${name}.pid`), 'utf8')) as { pid: number }).pid;
  /** Status codes of requests, one after the other, until `done`. */
  const requestsWhile = async (work: () => Promise<unknown>): Promise<Map<string, number>> => {
    const codes = new Map<string, number>();
    let working = true;
    const loop = (async () => {
      while (working) {
        const code = await status();
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    })();
    await work();
    working = false;
    await loop;
    return codes;
  };
  const status = async (): Promise<string> => {
    try {
      return String((await ask(page)).status);
    } catch (error) {
      return String(error);
    }
  };
  const frontends = async (): Promise<string[]> => {
    const { items } = JSON.parse(
      await ok('get pods -l app.kubernetes.io/name=frontend -o json'),
    ) as { items: { metadata: { name: string; deletionTimestamp?: string } }[] };
    return items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name);
  };
  /** The frontend pods that new connections go to. */
  const endpoints = async (): Promise<string[]> => {
    const slices = JSON.parse(
      await ok('get endpointslices -l kubernetes.io/service-name=guestbook -o json'),
    ) as {
      items: { endpoints: { conditions: { ready: boolean }; targetRef: { name: string } }[] }[];
    };
    return slices.items
      .flatMap((slice) => slice.endpoints)
      .filter((endpoint) => endpoint.conditions.ready)
      .map((endpoint) => endpoint.targetRef.name);
  };
  const snapshot = async (): Promise<unknown> => {
    const { items } = JSON.parse(
      await ok('get pods,deployments,replicasets,services,configmaps,secrets -o json'),
    ) as {
      items: {
        kind: string;
        metadata: { name: string; resourceVersion: string };
        status?: { containerStatuses?: { containerID: string; restartCount: number }[] };
      }[];
    };
    return items.map(({ kind, metadata, status: state }) => [
      kind,
      metadata.name,
      metadata.resourceVersion,
      (state?.containerStatuses ?? []).map(({ containerID, restartCount }) => [
        containerID,
        restartCount,
      ]),
    ]);
  };

  before(async () => {
    directory = temporaryDirectory();
    data = join(directory, 'data');
    await start();
  });
  after(async () => {
    if (skip === false) await product?.stop();
    removeDirectory(directory);
  });

  it('takes entries, and keeps them when a front-end pod is deleted', async () => {
    await ask(page, { form: { entry: 'ahoy' } });
    const [pod = ''] = await frontends();
    await ok(['delete', 'pod', pod, '--wait=false']);
    const began = Date.now();
    await eventually(async () => {
      const now = await frontends();
      return now.length === 3 && !now.includes(pod) ? true : undefined;
    });
    assert.ok(Date.now() - began < 5_000, 'a deleted pod is replaced');
    assert.match((await ask(page)).body.toString(), /ahoy/);
    await ok('rollout status deployment/frontend --timeout=60s');
  });

  it('spreads 300 requests over the three pods', async () => {
    const pods = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      const name = String((await ask(page)).headers['x-pod']);
      pods.set(name, (pods.get(name) ?? 0) + 1);
    }
    assert.deepEqual([...pods.keys()].toSorted(), (await frontends()).toSorted());
    for (const count of pods.values())
      assert.ok(count > 50, `each pod gets its share: ${[...pods.values()].join(' ')}`);
  });

  it('a connection that stands goes on to a pod that ends, a new one does not', async () => {
    const agent = oneConnection();
    const pod = String((await ask(page, { agent })).headers['x-pod']);
    await ok(['delete', 'pod', pod, '--wait=false']);
    await eventually(async () => ((await endpoints()).includes(pod) ? undefined : true));
    const kept = await ask(page, { agent });
    assert.equal(kept.status, 200);
    assert.equal(kept.headers['x-pod'], pod);
    // The rules of the node follow within moments, and the pod still answers for seconds.
    await eventually(async () => {
      for (let i = 0; i < 50; i++)
        if ((await ask(page)).headers['x-pod'] === pod) throw new Error(`${pod} got a connection`);
      return true;
    }, 2_000);
    agent.destroy();
    await ok('rollout status deployment/frontend --timeout=60s');
  });

  it('logs, exec, cp and port-forward', async () => {
    assert.match(await ok('logs deployment/redis --tail=20'), /Ready to accept connections/i);
    assert.match(await ok('exec deployment/redis -- redis-cli --version'), /redis-cli/);
    const echoed = await product.kubectl(['exec', '-i', 'deployment/redis', '--', 'cat'], {
      input: 'through\n',
    });
    assert.equal(echoed.stdout, 'through\n');
    const failed = await product.kubectl(['exec', 'deployment/redis', '--', 'sh', '-c', 'exit 3']);
    assert.equal(failed.code, 3);
    const pod = (
      await ok([
        'get',
        'pods',
        '-l',
        'app.kubernetes.io/name=redis',
        '-o',
        'jsonpath={.items[0].metadata.name}',
      ])
    ).trim();
    await ok(['cp', 'README.md', `${pod}:/tmp/readme`]);
    assert.match(await ok(['exec', pod, '--', 'head', '-1', '/tmp/readme']), /Coxswain/);
  });

  it('rolls to another image without a failed request', async () => {
    const codes = await requestsWhile(async () => {
      await ok('set image deployment/frontend guestbook=coxswain.local/guestbook:2');
      await ok('rollout status deployment/frontend --timeout=90s');
    });
    assert.deepEqual([...codes.keys()], ['200']);
  });

  for (const name of ['control-plane', 'node', 'containerd']) {
    it(`answers on while ${name} is killed, and ${name} comes back`, async () => {
      const before = pidOf(name);
      const codes = await requestsWhile(async () => {
        process.kill(before, 'SIGKILL');
        await eventually(
          async () =>
            pidOf(name) !== before && startTicksOf(pidOf(name)) !== undefined ? true : undefined,
          BACK_MS,
        );
        await eventually(
          async () => ((await ok('get --raw /readyz')) === 'ok' ? true : undefined),
          10_000,
        );
      });
      assert.deepEqual([...codes.keys()], ['200']);
    });
  }

  it('is the same after everything was killed: objects, revisions, containers', async () => {
    await ok('wait --for=condition=Ready node --all --timeout=60s');
    await ok('rollout status deployment/frontend --timeout=60s');
    await ok('rollout status deployment/redis --timeout=60s');
    // Nothing is on its way any more: no pod ends, all are ready, and the Service knows.
    const before = await eventually(async () => {
      const names = (await frontends()).toSorted();
      const all = (await ok('get pods -o name')).trim().split('\n');
      const isAtRest = all.length === 4 && isDeepStrictEqual((await endpoints()).toSorted(), names);
      return isAtRest ? await snapshot() : undefined;
    });
    const pids = ['control-plane', 'node', 'containerd'].map(pidOf);
    process.kill(-(product.process.pid ?? 0), 'SIGKILL');
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    assert.equal(await status(), '200', 'the application goes on');
    await start();
    assert.deepEqual(await snapshot(), before);
  });

  it('leaves nothing behind when it is stopped', async () => {
    const { hash, runtimePath } = dataDirectoryAt(data);
    const kubelets = [pidOf('control-plane'), pidOf('node'), pidOf('containerd')];
    await product.stop();
    for (const pid of kubelets) assert.equal(startTicksOf(pid), undefined);
    assert.deepEqual(
      readdirSync('/sys/class/net').filter((name) => name.startsWith(`cox${hash}`)),
      [],
    );
    assert.equal(existsSync(runtimePath), false);
    assert.doesNotMatch(readFileSync('/proc/mounts', 'utf8'), new RegExp(`${data}|${runtimePath}`));
    assert.doesNotMatch((await run('nft', ['list', 'tables'])).stdout, new RegExp(hash));
    assert.doesNotMatch(
      (await run('ip', ['route'])).stdout,
      new RegExp(`cox${hash}|unreachable 10\\.244`),
    );
    for (const controller of ['', ...readdirSync('/sys/fs/cgroup')]) {
      assert.equal(existsSync(join('/sys/fs/cgroup', controller, `coxswain-${hash}`)), false);
    }
    assert.equal(existsSync(join(data, 'admin.kubeconfig')), true, 'state stays');
  });
});
