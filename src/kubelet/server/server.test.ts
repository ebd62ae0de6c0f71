/** Who may do what on the kubelet's server, and its small pages. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '#api/gen/core-v1.ts';
import type { Client } from '#client/client.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { StatsWorld } from '#kit/kubelet/stats-world.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import type { KubeletAccess } from './access.ts';
import { defaultKubeletConfiguration } from '../config/defaults.ts';
import { TokenReviews } from './token-reviews.ts';

const POD: Pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u' },
  spec: { containers: [{ name: 'main', image: 'i:1' }], initContainers: [{ name: 'first' }] },
};

function makeWorld(): StatsWorld {
  return new StatsWorld({ version: 2, mount: '/cg' });
}

describe('authorization of the kubelet', () => {
  const rows: readonly (readonly [method: string, path: string, ...asked: string[]])[] = [
    ['GET', '/stats/summary', 'get stats'],
    ['POST', '/stats/summary', 'create stats'],
    ['GET', '/metrics', 'get metrics'],
    ['GET', '/metrics/cadvisor', 'get metrics'],
    ['GET', '/logs/kubelet.log', 'get log'],
    ['POST', '/checkpoint/n/p/main', 'create checkpoint'],
    ['GET', '/pods', 'get pods', 'get proxy'],
    ['GET', '/runningpods/', 'get pods', 'get proxy'],
    ['GET', '/healthz', 'get healthz', 'get proxy'],
    ['GET', '/healthz/ping', 'get healthz', 'get proxy'],
    ['GET', '/configz', 'get configz', 'get proxy'],
    ['HEAD', '/configz', 'get configz', 'get proxy'],
    ['PUT', '/pods', 'update pods', 'update proxy'],
    ['PATCH', '/pods', 'patch pods', 'patch proxy'],
    ['DELETE', '/pods', 'delete pods', 'delete proxy'],
    ['GET', '/containerLogs/n/p/main', 'get proxy'],
    ['POST', '/exec/n/p/main', 'create proxy'],
    ['GET', '/podsx', 'get proxy'],
    ['GET', '/constructor', 'get proxy'],
    ['GET', '/', 'get proxy'],
  ];
  for (const [method, path, ...asked] of rows) {
    it(`asks for ${method} ${path}: ${asked.join(', ')}`, async () => {
      const calls: KubeletAccess[] = [];
      const ask = makeWorld().server({
        authorize: (access) => {
          calls.push(access);
          return false;
        },
      });
      const { status, text } = await ask(path, { method });
      assert.deepEqual(
        calls.map(({ verb, subresource }) => `${verb} ${subresource}`),
        asked,
      );
      assert.deepEqual(calls[0]?.user, { name: 'admin', groups: ['g'] });
      assert.equal(calls[0]?.nodeName, 'n1');
      const [verb] = (asked[0] ?? '').split(' ');
      const subresources = asked.map((one) => one.split(' ')[1]).join(' ');
      assert.equal(status, 403);
      assert.equal(
        text,
        `Forbidden (user=admin, verb=${verb}, resource=nodes, subresource(s)=[${subresources}])\n`,
      );
    });
  }

  it('is content with either right', async () => {
    for (const right of ['healthz', 'proxy']) {
      const ask = makeWorld().server({ authorize: ({ subresource }) => subresource === right });
      assert.equal((await ask('/healthz')).status, 200);
    }
    const ask = makeWorld().server({ authorize: ({ subresource }) => subresource === 'proxy' });
    assert.equal((await ask('/metrics')).status, 403);
  });

  it('is an error when nobody can be asked', async () => {
    const ask = makeWorld().server({ authorize: () => Promise.reject(new Error('down')) });
    assert.deepEqual(await ask('/metrics').then(({ status, text }) => [status, text]), [
      500,
      'Authorization error (user=admin, verb=get, resource=nodes, subresource=metrics)',
    ]);
  });

  it('knows who calls by certificate, then by token, or not at all', async () => {
    const users: string[] = [];
    const ask = makeWorld().server({
      authorize: ({ user }) => {
        users.push(user.name);
        return true;
      },
      userOfToken: (token) => {
        if (token === 'broken') return Promise.reject(new Error('down'));
        return Promise.resolve(token === 'good' ? { name: 'bearer', groups: [] } : undefined);
      },
    });
    const statusOf = async (name: string, authorization: string): Promise<number> =>
      (await ask('/healthz', { name, headers: authorization === '' ? {} : { authorization } }))
        .status;
    assert.deepEqual(
      [
        await statusOf('admin', 'Bearer good'),
        await statusOf('', 'Bearer good'),
        await statusOf('', 'bearer  good'),
        await statusOf('', 'Bearer bad'),
        await statusOf('', 'Bearer broken'),
        await statusOf('', 'Basic good'),
        await statusOf('', ''),
      ],
      [200, 200, 200, 401, 401, 401, 401],
    );
    assert.deepEqual(users, ['admin', 'bearer', 'bearer']);
  });

  it('takes no other method', async () => {
    assert.equal((await makeWorld().server()('/healthz', { method: 'TRACE' })).status, 405);
    assert.equal((await makeWorld().server()('/healthz', { method: 'toString' })).status, 405);
  });
});

describe('TokenReviews', () => {
  const make = () => {
    const environment = new VirtualEnvironment();
    const tokens: string[] = [];
    const client = {
      create: (_type: unknown, { spec: { token } }: { spec: { token: string } }) => {
        tokens.push(token);
        if (token === 'broken') return Promise.reject(new Error('down'));
        const user = token === 'empty' ? {} : { username: `of ${token}`, groups: ['a'] };
        return Promise.resolve({ status: { authenticated: token !== 'bad', user } });
      },
    } as unknown as Pick<Client, 'create'>;
    return { environment, tokens, reviews: new TokenReviews(client, environment.clock, 120_000) };
  };

  it('asks the API server, once in two minutes', async () => {
    const { environment, tokens, reviews } = make();
    assert.deepEqual(await reviews.userOf('t'), { name: 'of t', groups: ['a'] });
    assert.equal(await reviews.userOf('bad'), undefined);
    assert.equal(await reviews.userOf('empty'), undefined);
    await environment.advance(119_999);
    await reviews.userOf('t');
    assert.equal(tokens.length, 3);
    await environment.advance(1);
    await reviews.userOf('t');
    assert.equal(tokens.length, 4);
  });

  it('asks again after a failure', async () => {
    const { tokens, reviews } = make();
    await assert.rejects(reviews.userOf('broken'), /down/);
    await assert.rejects(reviews.userOf('broken'), /down/);
    assert.equal(tokens.length, 2);
  });

  it('forgets the oldest of a thousand', async () => {
    const { tokens, reviews } = make();
    for (let i = 0; i <= 1000; i++) await reviews.userOf(String(i));
    await reviews.userOf('1');
    assert.equal(tokens.length, 1001);
    await reviews.userOf('0');
    assert.equal(tokens.length, 1002);
  });
});

describe('health of the kubelet', () => {
  it('is well', async () => {
    const ask = makeWorld().server();
    for (const path of ['/healthz', '/healthz/', '/healthz/ping', '/healthz/syncloop']) {
      const { status, text } = await ask(path);
      assert.deepEqual([path, status, text], [path, 200, 'ok']);
    }
    assert.equal((await ask('/healthz/other')).status, 404);
    assert.equal((await ask('/healthz/ping/x')).status, 404);
    const { text } = await ask('/healthz?verbose');
    assert.equal(text, '[+]ping ok\n[+]syncloop ok\nhealthz check passed\n');
  });

  it('is ill when the loop has not turned for five minutes', async () => {
    const world = makeWorld();
    const ask = world.server();
    await world.environment.advance(600_000);
    assert.equal((await ask('/healthz')).status, 200);
    world.syncLoop.turned();
    await world.environment.advance(300_000);
    assert.equal((await ask('/healthz')).status, 200);
    await world.environment.advance(1);
    const all = await ask('/healthz');
    assert.deepEqual(
      [all.status, all.text],
      [500, '[+]ping ok\n[-]syncloop failed: reason withheld\nhealthz check failed\n'],
    );
    const one = await ask('/healthz/syncloop');
    assert.deepEqual(
      [one.status, one.text],
      [500, 'internal server error: sync Loop took longer than expected\n'],
    );
    assert.equal((await ask('/healthz?exclude=syncloop')).status, 200);
    world.syncLoop.turned();
    assert.equal((await ask('/healthz')).status, 200);
  });

  it('leaves out what it is told to, and says what it does not know', async () => {
    const { text } = await makeWorld().server()(
      '/healthz?verbose&exclude=b&exclude=ping&exclude=a',
    );
    assert.equal(
      text,
      '[+]ping excluded: ok\n[+]syncloop ok\nwarn: some health checks cannot be excluded: no matches for "a","b"\nhealthz check passed\n',
    );
  });
});

describe('pages of the kubelet', () => {
  it('lists pods that are to run, and those that do', async () => {
    const world = makeWorld();
    const [, id = ''] = await world.run(POD);
    const idle: Pod = {
      metadata: { name: 'q', namespace: 'n', uid: 'v' },
      spec: { containers: [] },
    };
    world.pods.push(idle);
    const ask = world.server();
    const list = { kind: 'PodList', apiVersion: 'v1', metadata: {} };
    const status = { phase: 'Running' };
    assert.deepEqual(JSON.parse((await ask('/pods')).text), {
      ...list,
      items: [
        { ...POD, status },
        { ...idle, status },
      ],
    });
    const running = {
      metadata: { name: 'p', namespace: 'n', uid: 'u' },
      spec: { containers: [{ name: 'main', image: 'i:1' }] },
      status: {},
    };
    assert.deepEqual(JSON.parse((await ask('/runningpods/')).text), { ...list, items: [running] });
    world.cri.exit(id, 0);
    await world.cri.call('stopPodSandbox', {
      podSandboxId: [...world.cri.sandboxes.keys()][0] ?? '',
    });
    await world.look();
    assert.deepEqual(JSON.parse((await ask('/runningpods/')).text), { ...list, items: [] });
  });

  it('shows with what it runs', async () => {
    const { text } = await makeWorld().server()('/configz');
    assert.deepEqual(JSON.parse(text), {
      kubeletconfig: {
        ...defaultKubeletConfiguration({ podLogsDir: '/logs', cgroupRoot: '/cox' }),
        evictionHard: {
          'memory.available': '100Mi',
          'nodefs.available': '10%',
          'nodefs.inodesFree': '5%',
          'imagefs.available': '15%',
          'imagefs.inodesFree': '5%',
        },
      },
    });
  });

  it('lets nobody look into pods where debugging is off', async () => {
    const configuration = defaultKubeletConfiguration({ enableDebuggingHandlers: false });
    const ask = makeWorld().server({ configuration });
    const { status, text } = await ask('/containerLogs/n/p/main');
    assert.deepEqual([status, text], [405, 'Debug endpoints are disabled.\n']);
    assert.equal((await ask('/configz')).status, 404);
    assert.equal((await ask('/pods')).status, 200);
  });

  it('lets anonymous ones ask where that is allowed', async () => {
    const asked: string[] = [];
    const over = {
      authorize: ({ user }: KubeletAccess) => {
        asked.push([user.name, ...user.groups].join(' '));
        return true;
      },
    };
    assert.equal((await makeWorld().server(over)('/pods', { name: '' })).status, 401);
    const { authentication } = defaultKubeletConfiguration();
    const configuration = defaultKubeletConfiguration({
      authentication: { ...authentication, anonymous: { enabled: true } },
    });
    const open = makeWorld().server({ ...over, configuration });
    assert.equal((await open('/pods', { name: '' })).status, 200);
    assert.deepEqual(asked, ['system:anonymous system:unauthenticated']);
  });

  it('has nothing elsewhere, and takes no other method', async () => {
    const ask = makeWorld().server();
    for (const path of [
      '/',
      '/nothing',
      '/constructor',
      '/logs/',
      '/pods/x',
      '/configz/x',
      '/stats',
      '/stats/container',
      '/metrics/nothing',
      '/metrics/resource/x',
      '/checkpoint/n/p',
      '/checkpoint/n/p/c/x',
      '/exec/n',
    ]) {
      const { status, text } = await ask(path, {
        method: path.startsWith('/check') ? 'POST' : 'GET',
      });
      assert.deepEqual([path, status, text], [path, 404, '404 page not found']);
    }
    for (const [method, path] of [
      ['POST', '/pods'],
      ['DELETE', '/runningpods/'],
      ['PUT', '/stats/summary'],
      ['GET', '/checkpoint/n/p/main'],
    ] as const)
      assert.equal((await ask(path, { method })).status, 405, path);
    assert.equal((await ask('/pods', { method: 'HEAD' })).status, 200);
    assert.equal((await ask('/exec/n/q/c', { method: 'POST' })).text, 'pod "q" not found');
    assert.equal((await ask('/%zz')).status, 500);
  });
});

describe('checkpoints', () => {
  const make = async () => {
    const world = makeWorld();
    const [, id = ''] = await world.run(POD);
    const ask = world.server();
    const post = async (path: string) => {
      const { status, text } = await ask(`/checkpoint/${path}`, { method: 'POST' });
      return [status, text] as const;
    };
    return { world, id, post };
  };

  it('are made by the runtime, in a directory of the kubelet alone', async () => {
    const { world, id, post } = await make();
    const location = '/kubelet/checkpoints/checkpoint-p_n-main-2026-01-01T00:00:00Z.tar';
    assert.deepEqual(await post('n/p/main?timeout=9&timeout=5'), [
      200,
      JSON.stringify({ items: [location] }),
    ]);
    assert.deepEqual(world.cri.checkpoints, [{ containerId: id, location, timeout: 5 }]);
    assert.deepEqual(world.directories, ['/kubelet/checkpoints 700']);
  });

  it('are refused as upstream does', async () => {
    const { world, id, post } = await make();
    assert.deepEqual(await post('n/q/main'), [404, 'pod does not exist']);
    assert.deepEqual(await post('n/p/x'), [404, 'container x does not exist']);
    assert.deepEqual(await post('n/p/main?timeout=x'), [
      404,
      'cannot parse value of timeout parameter',
    ]);
    assert.deepEqual(await post('n/p/first'), [
      500,
      'checkpointing of n/p/first failed (container first not found)',
    ]);
    world.cri.checkpointFault = new GrpcError(GRPC_CODE.unimplemented, 'not here');
    assert.deepEqual(await post('n/p/main'), [
      500,
      'checkpointing of n/p/main failed (rpc error: code = Unimplemented desc = not here)',
    ]);
    world.cri.checkpointFault = undefined;
    world.cri.exit(id, 0);
    await world.look();
    assert.equal((await post('n/p/main'))[0], 500);
    assert.deepEqual(world.cri.checkpoints, []);
  });
});
