/** kubeconfig out and in. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildKubeconfig, connectionOf, KubeconfigError, usersOf } from './kubeconfig.ts';

const FACTS = {
  server: 'https://127.0.0.1:6443',
  ca: 'CA',
  cert: 'CERT',
  key: 'KEY',
  cluster: 'coxswain',
  user: 'admin',
};

describe('kubeconfig', () => {
  it('is read back as it was built', () => {
    const { ca, cert, key } = FACTS;
    assert.deepEqual(connectionOf(JSON.parse(JSON.stringify(buildKubeconfig(FACTS)))), {
      host: '127.0.0.1',
      port: 6443,
      basePath: '',
      tls: true,
      insecureSkipVerify: false,
      namespace: 'default',
      ca,
      cert,
      key,
    });
  });

  it('takes another context, tokens, paths and IPv6', () => {
    const config = {
      clusters: [
        {
          name: 'c',
          cluster: { server: 'https://[fd00::1]/k8s/', 'insecure-skip-tls-verify': true },
        },
      ],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: 'shop' } }],
    };
    const { host, port, basePath, token, namespace, insecureSkipVerify } = connectionOf(
      config,
      'x',
    );
    assert.deepEqual(
      [host, port, basePath, token, namespace, insecureSkipVerify],
      ['fd00::1', 443, '/k8s', 't', 'shop', true],
    );
  });

  it('says what is missing', () => {
    const config = { ...buildKubeconfig(FACTS), 'current-context': 'nope' };
    assert.throws(
      () => connectionOf(config),
      new KubeconfigError('Cannot find context "nope": not among contexts'),
    );
    assert.throws(() => connectionOf([]), KubeconfigError);
  });
});

describe('the users of a kubeconfig', () => {
  const users = (...list: readonly (readonly [name: string, user: object])[]): object => ({
    users: list.map(([name, user]) => ({ name, user })),
  });

  it('are all there, by name, with the one of the current context', () => {
    const config = {
      ...users(
        ['*', { 'client-certificate-data': 'Q0VSVA==', 'client-key': 'key.pem' }],
        ['web.hooks.svc', { username: 'me', password: 'secret' }],
        ['as', { tokenFile: 't', as: 'joe', 'as-uid': '1', 'as-groups': ['g'] }],
        ['nobody', { 'as-groups': ['g'] }],
      ),
      contexts: [{ name: 'x', context: { user: 'as' } }],
      'current-context': 'x',
    };
    const { byName, current } = usersOf(config);
    assert.deepEqual(Object.fromEntries(byName), {
      '*': { cert: 'CERT', keyFile: 'key.pem' },
      'web.hooks.svc': { username: 'me', password: 'secret' },
      as: { tokenFile: 't', as: { name: 'joe', uid: '1', groups: ['g'], extra: {} } },
      nobody: {},
    });
    assert.equal(current, 'as');
    assert.equal(usersOf({ ...config, 'current-context': 'y' }).current, undefined);
    assert.deepEqual(usersOf({}), { byName: new Map() });
  });

  const rows: [what: string, config: object, said: RegExp][] = [
    ['another kind', { kind: 'Pod' }, /^Cannot read kubeconfig: it is a Pod$/],
    ['one twice', users(['a', {}], ['a', {}]), /^Cannot read kubeconfig: user "a" comes twice$/],
    ['a plug-in', users(['a', { exec: {} }]), /^Cannot use user "a": exec is not supported$/],
    ['another', users(['a', { 'auth-provider': {} }]), /: auth-provider is not supported$/],
    ['a number', users(['a', { password: 1 }]), /: password must be a text$/],
    ['groups', users(['a', { 'as-groups': 'g' }]), /: as-groups must be a list of texts$/],
    [
      'more',
      users(['a', { 'as-user-extra': { a: 'b' } }]),
      /: as-user-extra must be a map of lists of texts$/,
    ],
  ];
  for (const [what, config, said] of rows)
    it(`cannot be taken where there is ${what}`, () => {
      assert.throws(() => usersOf(config), { name: 'KubeconfigError', message: said });
    });
});
