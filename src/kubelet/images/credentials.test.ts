import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MemoryFileSystem } from '#kit/kubelet/memory-file-system.ts';
import { type DockerConfig, readDockerConfigJson, readDockercfg } from './docker-config.ts';
import { repositoryOf } from './image-name.ts';
import { Keyring, matchesImage, readMatch } from './keyring.ts';
import { NodeDockerConfig } from './node-docker-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** Each key has a password that says which one it is. */
const config = (...keys: readonly string[]): DockerConfig =>
  new Map(keys.map((key) => [key, { username: 'u', password: key }]));

describe('repositoryOf', () => {
  const rows: readonly [string, string][] = [
    ['nginx', 'docker.io/library/nginx'],
    ['nginx:1.2', 'docker.io/library/nginx'],
    ['team/app@sha256:' + 'a'.repeat(64), 'docker.io/team/app'],
    ['docker.io/nginx', 'docker.io/library/nginx'],
    ['index.docker.io/team/app', 'docker.io/team/app'],
    ['localhost/app:1', 'localhost/app'],
    ['registry.example:5000/a/b:tag', 'registry.example:5000/a/b'],
    ['registry.example/app', 'registry.example/app'],
  ];
  for (const [image, wanted] of rows) it(image, () => assert.equal(repositoryOf(image), wanted));
});

describe('matchesImage', () => {
  const rows: readonly [pattern: string, image: string, matches: boolean][] = [
    ['registry.example', 'registry.example/app', true],
    ['registry.example', 'other.example/app', false],
    ['*.example', 'registry.example/app', true],
    ['*.example', 'a.registry.example/app', false],
    ['*.example', 'example/app', false],
    ['registry', 'registry.example/app', false],
    ['app*.example', 'apps.example/x', true],
    ['app*.example', 'app.example/x', true],
    ['registry.*', 'registry.example/x', true],
    ['registry.example:5000', 'registry.example:5000/x', true],
    ['registry.example', 'registry.example:5000/x', false],
    ['registry.example:5000', 'registry.example/x', false],
    ['registry.example/team', 'registry.example/team/x', true],
    ['registry.example/team', 'registry.example/teams', true],
    ['registry.example/team', 'registry.example/other', false],
    ['registry.example/*', 'registry.example/x', false],
    ['[::1]:5000', '[::1]:5000/x', true],
    ['a.c', 'abc/x', false],
    ['', 'registry.example/x', false],
  ];
  for (const [pattern, image, matches] of rows)
    it(`${pattern} ${matches ? 'is' : 'is not'} ${image}`, () =>
      assert.equal(matchesImage(pattern, image), matches));

  it('knows what is no pattern', () => {
    for (const text of ['%invalid%', 'a b', 'host:port', 'host/%zz', '', 'a#b'])
      assert.equal(readMatch(text), undefined, text);
  });
});

describe('Keyring', () => {
  const found = (keys: readonly string[], image: string): string[] =>
    new Keyring([{ config: config(...keys) }]).lookup(image).map(({ password }) => password);

  it('gives all that fit, the more specific first', () => {
    const keys = ['quay.example', '*.example', 'quay.example/team', 'other.example'];
    assert.deepEqual(found(keys, 'quay.example/team/x'), [
      'quay.example/team',
      'quay.example',
      '*.example',
    ]);
  });

  it('takes URLs for their host, with docker’s versions', () => {
    for (const key of [
      'https://r.example',
      'http://r.example/',
      'r.example/v1/',
      'https://r.example/v2/',
    ])
      assert.deepEqual(found([key], 'r.example/x'), [key]);
    assert.deepEqual(found(['https://r.example/v2/team'], 'r.example/team/x'), [
      'https://r.example/v2/team',
    ]);
  });

  it('knows the registry of names without one by docker’s name for it', () => {
    const key = 'https://index.docker.io/v1/';
    assert.deepEqual(found([key], 'docker.io/library/nginx'), [key]);
    assert.deepEqual(found(['docker.io', key], 'docker.io/library/nginx'), ['docker.io']);
    assert.deepEqual(found([key], 'r.example/nginx'), []);
  });

  it('tries what was added first first', () => {
    const one = new Map([['r.example', { username: 'one', password: '' }]]);
    const two = new Map([['https://r.example', { username: 'two', password: '' }]]);
    const source = { secret: { uid: 'u', namespace: 'n', name: 's' } };
    const found = new Keyring([{ config: one, source }, { config: two }]).lookup('r.example/x');
    assert.deepEqual(found, [
      { username: 'one', password: '', source },
      { username: 'two', password: '' },
    ]);
  });
});

describe('docker’s files', () => {
  const both = (entry: object): (DockerConfig | undefined)[] => [
    readDockercfg(JSON.stringify({ r: entry })),
    readDockerConfigJson(JSON.stringify({ auths: { r: entry }, credsStore: 'x' })),
  ];

  it('hold a name and a password, or both in one, which goes before', () => {
    const rows: readonly [object, object][] = [
      [
        { username: 'u', password: 'p' },
        { username: 'u', password: 'p' },
      ],
      [{ auth: base64('u:p:q') }, { username: 'u', password: 'p:q' }],
      [{ auth: base64('u:p').replace(/=+$/, '') }, { username: 'u', password: 'p' }],
      [
        { username: 'x', password: 'y', auth: base64('u:p') },
        { username: 'u', password: 'p' },
      ],
    ];
    for (const [entry, wanted] of rows)
      for (const read of both(entry)) assert.deepEqual(read?.get('r'), wanted);
  });

  it('may leave the password to a helper, of which nothing is known', () => {
    for (const read of both({})) assert.equal(read?.size, 0);
    assert.equal(readDockerConfigJson('{}').size, 0);
  });

  it('that are none say so without showing it', () => {
    const wrong = ['secret', '[]', '{"auths": []}', '{"auths": {"r": "secret"}}', '7'];
    for (const text of wrong)
      assert.throws(() => readDockerConfigJson(text), {
        message: 'error occurred while trying to unmarshal json',
      });
    for (const auth of ['secret!', base64('secret'), 7])
      assert.throws(() => both({ auth }), {
        message: 'unable to parse auth field, must be formatted as base64(username:password)',
      });
  });
});

describe('the node’s own file', () => {
  const text = (name: string): string => JSON.stringify({ auths: { [name]: { auth: 'dTpw' } } });

  async function firstOf(files: Readonly<Record<string, string>>, isUser = true) {
    const fileSystem = new MemoryFileSystem();
    for (const [path, content] of Object.entries(files)) await fileSystem.writeFile(path, content);
    const clock = { now: 0, monotonicMs: () => clock.now };
    const user = isUser ? { working: '/srv', home: '/home/u' } : undefined;
    const node = new NodeDockerConfig({ fileSystem, clock, rootDirectory: '/root-dir', user });
    const keys = async (): Promise<string> => [...(await node.config()).keys()].join();
    return { keys, clock, fileSystem };
  }

  it('is looked for where upstream does, in its order', async () => {
    const json = ['/root-dir', '/srv', '/home/u/.docker', '/.docker'].map((at) => [
      `${at}/config.json`,
      text(at),
    ]);
    const old = ['/root-dir', '/srv', '/home/u', ''].map((at) => [
      `${at}/.dockercfg`,
      JSON.stringify({ [`old ${at}`]: { auth: 'dTpw' } }),
    ]);
    const left = [...json, ...old];
    const order: string[] = [];
    while (left.length > 0) {
      order.push(await (await firstOf(Object.fromEntries(left) as Record<string, string>)).keys());
      left.shift();
    }
    assert.deepEqual(order, [
      '/root-dir',
      '/srv',
      '/home/u/.docker',
      '/.docker',
      'old /root-dir',
      'old /srv',
      'old /home/u',
      'old ',
    ]);
  });

  it('is the kubelet’s alone where nobody else’s shall count', async () => {
    const others = { '/srv/config.json': text('w'), '/.docker/config.json': text('r') };
    assert.equal(await (await firstOf(others, false)).keys(), '');
    const own = { ...others, '/root-dir/config.json': text('own') };
    assert.equal(await (await firstOf(own, false)).keys(), 'own');
  });

  it('that is none is passed over', async () => {
    const files = { '/root-dir/config.json': '{', '/srv/config.json': text('w') };
    assert.equal(await (await firstOf(files)).keys(), 'w');
  });

  it('is read again after five minutes', async () => {
    const { keys, clock, fileSystem } = await firstOf({});
    assert.equal(await keys(), '');
    await fileSystem.writeFile('/root-dir/config.json', text('new'));
    clock.now = 5 * 60_000 - 1;
    assert.equal(await keys(), '');
    clock.now = 5 * 60_000;
    assert.equal(await keys(), 'new');
  });
});
