import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { connect, kubeconfigPath } from './kube-client.ts';

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

describe('the kubeconfig', () => {
  it('is the one that is named, then $KUBECONFIG, then that of the cluster here', (t) => {
    const home = folder(t);
    const named = join(home, 'b');
    const here = join(home, 'coxswain', 'admin.kubeconfig');
    mkdirSync(join(home, 'coxswain'));
    for (const path of [named, here]) writeFileSync(path, '');
    const environment = { XDG_DATA_HOME: home, KUBECONFIG: `${join(home, 'a')}:${named}` };
    assert.equal(kubeconfigPath({ kubeconfig: '/x' }, environment), '/x');
    assert.equal(kubeconfigPath({}, environment), named);
    assert.equal(kubeconfigPath({}, { XDG_DATA_HOME: home }), here);
    const missing = { XDG_DATA_HOME: home, KUBECONFIG: join(home, 'a') };
    assert.throws(() => kubeconfigPath({}, missing), {
      name: 'UserError',
      message: /^Cannot find a kubeconfig at .*\/a: name one with --kubeconfig/,
    });
  });

  it('that cannot be used is named', (t) => {
    const kubeconfig = join(folder(t), 'config');
    assert.throws(() => connect({ kubeconfig }), { message: /^Cannot read .*ENOENT/ });
    writeFileSync(kubeconfig, 'current-context: none');
    assert.throws(() => connect({ kubeconfig }), {
      message: /^Cannot use kubeconfig .*: Cannot find context "none"/,
    });
    writeFileSync(kubeconfig, 'a: [');
    assert.throws(() => connect({ kubeconfig }), { message: /^Cannot use kubeconfig / });
  });

  it('leads to a server; who does not answer is named', async (t) => {
    const kubeconfig = join(folder(t), 'config');
    writeFileSync(
      kubeconfig,
      `clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
contexts: [{name: x, context: {cluster: c, user: "", namespace: here}}]
current-context: x
`,
    );
    const cluster = connect({ kubeconfig });
    t.after(() => cluster.close());
    assert.equal(cluster.namespace, 'here');
    await assert.rejects(cluster.client.raw('GET', '/api'), {
      name: 'UserError',
      message: /^Cannot reach the API server at 127\.0\.0\.1:1: .*Is the cluster up\?$/,
    });
  });
});
