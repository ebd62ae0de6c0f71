/** With which credentials a whole kubelet pulls. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { PullImageRequest } from '#api/gen/cri-v1.ts';
import type { Secret } from '#api/gen/core-v1.ts';
import type { FileSystem, Processes } from '#base/doors.ts';
import { GRPC_CODE, GrpcError } from '#base/grpc.ts';
import { TestCluster } from '#kit/cluster.ts';
import { KubeletWorld } from '#kit/kubelet/kubelet-world.ts';
import type { KubeletOptions } from '../kubelet-options.ts';
import { POD, SECRET } from '../resources.ts';

const SECOND = 1000;
const auths = (user: string) => ({ 'r.example': { username: user, password: 'p' } });
const base64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64');

const MODERN: Secret = {
  metadata: { name: 'modern', namespace: 'default' },
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': base64({ auths: auths('modern') }) },
};
const OLD: Secret = {
  metadata: { name: 'old', namespace: 'default' },
  type: 'kubernetes.io/dockercfg',
  data: { '.dockercfg': base64(auths('old')) },
};
const OPAQUE: Secret = {
  metadata: { name: 'opaque', namespace: 'default' },
  data: { '.dockerconfigjson': base64({ auths: auths('opaque') }) },
};

interface Pulls {
  readonly world: KubeletWorld;
  /** Whose credentials each pull had. */
  readonly users: string[];
  readonly run: (secrets?: readonly string[], image?: string) => Promise<void>;
}

/** Only `accepted` may pull. */
async function start(
  t: TestContext,
  accepted: string,
  {
    options = {},
    fault = 'denied',
    prepare = async () => {},
  }: {
    readonly options?: Partial<Omit<KubeletOptions, 'configuration'>>;
    readonly fault?: string;
    readonly prepare?: (world: KubeletWorld) => Promise<void>;
  } = {},
): Promise<Pulls> {
  const cluster = await TestCluster.start({ nodes: 0 });
  t.after(() => cluster.stop());
  for (const secret of [MODERN, OLD, OPAQUE]) await cluster.create(SECRET, secret);
  const world = await KubeletWorld.make(cluster);
  t.after(() => world.stop());
  const users: string[] = [];
  const call = world.cri.call.bind(world.cri);
  world.cri.call = (name, request, more) => {
    if (name !== 'pullImage') return call(name, request, more);
    const user = (request as PullImageRequest).auth?.username ?? 'nobody';
    users.push(user);
    return user === accepted
      ? call(name, request, more)
      : Promise.reject(new GrpcError(GRPC_CODE.unknown, `${fault}: ${user}`));
  };
  await prepare(world);
  await world.start({}, options);
  const run = async (secrets: readonly string[] = [], image = 'r.example/app:1'): Promise<void> => {
    await cluster.create(POD, {
      metadata: { name: 'p', namespace: 'default' },
      spec: {
        nodeName: 'n1',
        automountServiceAccountToken: false,
        imagePullSecrets: secrets.map((name) => ({ name })),
        containers: [{ name: 'main', image, imagePullPolicy: 'Always' }],
      },
    });
    await world.advance(5 * SECOND);
  };
  return { world, users, run };
}

async function waitingOf(world: KubeletWorld) {
  return (await world.pod('p'))?.status?.containerStatuses?.[0]?.state?.waiting;
}

describe('a pull', () => {
  it('tries pull secrets of both types, and none of others', async (t) => {
    const { world, users, run } = await start(t, 'old');
    await run(['opaque', 'modern', 'old']);
    assert.deepEqual(world.running(), ['p/main']);
    assert.deepEqual(users, ['modern', 'old']);
  });

  it('is anonymous where no credentials are for the registry', async (t) => {
    const { world, users, run } = await start(t, 'nobody');
    await run(['modern'], 'other.example/app');
    assert.deepEqual(world.running(), ['p/main']);
    assert.deepEqual(users, ['nobody']);
  });

  it('tells of pull secrets that are not there, and of all that failed', async (t) => {
    const { world, users, run } = await start(t, 'somebody');
    await run(['gone', '', 'modern', 'away', 'old']);
    assert.deepEqual(users, ['modern', 'old']);
    const event = world.events.find(({ reason }) => reason === 'FailedToRetrieveImagePullSecret');
    assert.equal(event?.type, 'Warning');
    assert.equal(event.fieldPath, undefined);
    assert.equal(
      event.message,
      'Unable to retrieve some image pull secrets (gone, away); attempting to pull the image may not succeed.',
    );
    const said = (user: string): string => `rpc error: code = Unknown desc = denied: ${user}`;
    const both = `[${said('modern')}, ${said('old')}]`;
    const { reason, message } = (await waitingOf(world)) ?? {};
    assert.equal(reason, 'ImagePullBackOff');
    assert.equal(message, `Back-off pulling image "r.example/app:1": ErrImagePull: ${both}`);
  });

  it('fails with the runtime’s own reason where it has one', async (t) => {
    const { world, run } = await start(t, 'somebody', { fault: 'RegistryUnavailable' });
    await run();
    assert.equal(
      (await waitingOf(world))?.message,
      'Back-off pulling image "r.example/app:1": RegistryUnavailable: image pull failed for r.example/app:1 because the registry is unavailable: nobody',
    );
  });

  it('takes what the node has after the pod’s own', async (t) => {
    const { world, users, run } = await start(t, 'node', {
      prepare: ({ fileSystem }) =>
        fileSystem.writeFile(
          '/var/lib/kubelet/config.json',
          JSON.stringify({ auths: auths('node') }),
        ),
    });
    await run(['modern']);
    assert.deepEqual(world.running(), ['p/main']);
    assert.deepEqual(users, ['modern', 'node']);
  });
});

const CONFIG = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: helper
  matchImages: ["*.example"]
  defaultCacheDuration: 1m
  apiVersion: credentialprovider.kubelet.k8s.io/v1
`;
const PROVIDERS = { config: '/etc/providers', programs: '/opt/bin' };

/** Programs in memory are given the right to run. */
function runnable(world: KubeletWorld, mode = 0o755): Pick<KubeletOptions, 'fileSystem'> {
  const { fileSystem } = world;
  const stat: FileSystem['stat'] = async (path) => {
    const found = await fileSystem.stat(path);
    return found === undefined || !path.startsWith('/opt/bin/') ? found : { ...found, mode };
  };
  return {
    fileSystem: new Proxy(fileSystem, {
      get: (target, name) => {
        if (name === 'stat') return stat;
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? (value as () => void).bind(target) : value;
      },
    }),
  };
}

describe('credential providers', () => {
  it('are asked, and come last', async (t) => {
    const inputs: string[] = [];
    const processes: Processes = {
      run: (path, _args, { input = '' } = {}) => {
        if (path === '/opt/bin/helper') inputs.push(input.toString());
        const answer = {
          apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
          kind: 'CredentialProviderResponse',
          cacheKeyType: 'Registry',
          auth: auths('helper'),
        };
        return Promise.resolve({
          exitCode: 0,
          stdout: Buffer.from(JSON.stringify(answer)),
          stderr: new Uint8Array(),
        });
      },
    };
    const options = { processes, imageCredentials: { providers: PROVIDERS } };
    const { world, users, run } = await start(t, 'helper', {
      options,
      prepare: async (made) => {
        Object.assign(options, runnable(made));
        await made.fileSystem.writeFile('/etc/providers/a.yaml', CONFIG);
        await made.fileSystem.writeFile('/etc/providers/notes.txt', 'not one');
        await made.fileSystem.writeFile('/etc/providers/folder.yaml/a', 'not one');
        await made.fileSystem.writeFile(
          '/var/lib/kubelet/.dockercfg',
          JSON.stringify(auths('node')),
        );
        await made.fileSystem.writeFile('/opt/bin/helper', '');
      },
    });
    await run(['modern']);
    assert.deepEqual(world.running(), ['p/main']);
    assert.deepEqual(users, ['modern', 'node', 'helper']);
    assert.match(inputs.join(), /"image":"r.example\/app"/);
  });

  const broken: readonly [string, Readonly<Record<string, string>>, number, RegExp][] = [
    ['no programs', { '/etc/providers/a.yaml': CONFIG }, 0o755, /\/opt\/bin did not exist/],
    [
      'no program of that name',
      { '/etc/providers/a.yaml': CONFIG, '/opt/bin/other': '' },
      0o755,
      /plugin binary executable \/opt\/bin\/helper did not exist/,
    ],
    [
      'a program that may not run',
      { '/etc/providers/a.yaml': CONFIG, '/opt/bin/helper': '' },
      0o644,
      /error inspecting binary executable \/opt\/bin\/helper: permission denied/,
    ],
    [
      'no file in the folder',
      { '/etc/providers/a.txt': CONFIG, '/opt/bin/helper': '' },
      0o755,
      /no configuration files found in directory "\/etc\/providers"/,
    ],
    ['no configuration', { '/opt/bin/helper': '' }, 0o755, /unable to access path/],
    [
      'a configuration that is none',
      { '/etc/providers/a.yaml': 'kind: Pod', '/opt/bin/helper': '' },
      0o755,
      /error decoding config "\/etc\/providers\/a.yaml": Object 'apiVersion' is missing/,
    ],
    [
      'a configuration that is wrong',
      {
        '/etc/providers/a.yaml': CONFIG.replace('matchImages: ["*.example"]', 'matchImages: []'),
        '/opt/bin/helper': '',
      },
      0o755,
      /failed to validate credential provider config: providers.matchImages: Required value/,
    ],
  ];
  for (const [what, files, mode, message] of broken)
    it(`keep the kubelet from starting with ${what}`, async (t) => {
      const cluster = await TestCluster.start({ nodes: 0 });
      t.after(() => cluster.stop());
      const world = await KubeletWorld.make(cluster);
      t.after(() => world.stop());
      for (const [path, text] of Object.entries(files))
        await world.fileSystem.writeFile(path, text);
      const started = world.start(
        {},
        { ...runnable(world, mode), imageCredentials: { providers: PROVIDERS } },
      );
      await assert.rejects(started, message);
    });
});
