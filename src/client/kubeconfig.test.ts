/** kubeconfig out and in. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { buildKubeconfig, connectionOf, KubeconfigError } from './kubeconfig.ts';

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
