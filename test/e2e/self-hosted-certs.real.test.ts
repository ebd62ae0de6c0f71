/**
 * The certificates, the authority and the service-account key of a cluster are rotated while its
 * control plane runs in pods: these begin anew, and every other pod goes on.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { X509Certificate } from 'node:crypto';
import { shownCertificate } from '../../src/edge/shown-certificate.ts';
import { certificatesIn } from '../../src/cli/authority-files.ts';
import { dataDirectoryAt } from '../../src/cli/data-directory.ts';
import { unlessReal } from './needs.ts';
import { eventually, type Output, run } from './product.ts';
import { type RealCluster, startRealCluster } from './real-cluster.ts';

const skip = unlessReal('the rotation of certificates of a control plane in pods');
const APP = 'get pod app -o jsonpath={.metadata.uid}/{.status.containerStatuses[0].restartCount}';
const UIDS = 'jsonpath={.items[*].metadata.uid}';
const RESTARTS = 'jsonpath={.items[*].status.containerStatuses[0].restartCount}';
const SHOW_MS = 30_000;

describe('the rotation of certificates of a control plane in pods', { skip }, () => {
  let cluster: RealCluster;
  let server = '';
  let app = '';
  /** The uids of the control plane's pods. */
  let hosted: string[] = [];
  let firstKubeconfig = '';

  const words = (flags: readonly string[]): string[] => [
    'bin/cox.mjs',
    'certs',
    ...flags,
    '--data-dir',
    cluster.product.dataDirectory,
  ];
  const certsCommand = (...flags: string[]): Promise<Output> =>
    run(process.execPath, words(flags), { timeoutMs: 600_000 });
  const certs = async (...flags: string[]): Promise<string> => {
    const { code, stdout, stderr } = await certsCommand(...flags);
    assert.equal(code, 0, stderr + stdout);
    return stdout;
  };
  const rotates = (...flags: string[]): Promise<string> => certs('rotate', ...flags);
  const pki = (file: string): string =>
    join(dataDirectoryAt(cluster.product.dataDirectory).pki, file);
  const trusted = (): number => certificatesIn(readFileSync(pki('ca.crt'), 'utf8')).length;
  const ofHosted = async (what: string): Promise<string[]> =>
    (await cluster.ok(`get pods -n kube-system -l tier=control-plane -o ${what}`)).split(' ');
  const nodesBy = (kubeconfig: string, ...flags: string[]): Promise<Output> =>
    run('kubectl', ['get', 'nodes', ...flags], { environment: { KUBECONFIG: kubeconfig } });

  /** Only the pods of the control plane are others, and their server shows what the files have. */
  const goesOn = async (): Promise<void> => {
    await cluster.ok('wait --for=condition=Ready node --all --timeout=60s');
    const { hostname: host, port } = new URL(server);
    const [same, inside, others, restarts, shown] = await Promise.all([
      cluster.ok(APP),
      cluster.ok(['exec', 'app', '--', 'echo', 'inside']),
      ofHosted(UIDS),
      ofHosted(RESTARTS),
      shownCertificate({ host, port: Number(port) }, SHOW_MS),
    ]);
    assert.equal(same, app);
    assert.equal(inside, 'inside\n');
    assert.equal(others.length, 3);
    assert.ok(!others.some((uid) => hosted.includes(uid)), others.join(' '));
    assert.deepEqual(restarts, ['0', '0', '0']);
    hosted = others;
    const { fingerprint256 } = new X509Certificate(readFileSync(pki('apiserver.crt')));
    assert.equal(new X509Certificate(shown).fingerprint256, fingerprint256);
  };
  /** Whether a token of a service account is believed; a kubeconfig would show a certificate. */
  const isBelieved = async (token: string): Promise<boolean> => {
    const { code } = await run(
      'kubectl',
      [
        'auth',
        'whoami',
        `--server=${server}`,
        `--certificate-authority=${pki('ca.crt')}`,
        `--token=${token}`,
      ],
      { environment: { KUBECONFIG: '/dev/null' } },
    );
    return code === 0;
  };

  before(async () => {
    cluster = await startRealCluster(['--self-hosted']);
    await cluster.runPod('app', 'exec sleep 3600');
    server = await cluster.ok('config view -o jsonpath={.clusters[0].cluster.server}');
    app = await cluster.ok(APP);
    hosted = await eventually(async () => {
      const uids = await ofHosted(UIDS);
      return uids.length === 3 ? uids : undefined;
    });
    firstKubeconfig = join(cluster.directory, 'first.kubeconfig');
    copyFileSync(cluster.product.kubeconfig, firstKubeconfig);
  });
  after(() => cluster?.close());

  it('makes all certificates anew', async () => {
    const first = readFileSync(pki('apiserver.crt'), 'utf8');
    assert.equal(await rotates(), 'Every certificate was made anew.\n');
    assert.notEqual(readFileSync(pki('apiserver.crt'), 'utf8'), first);
    await goesOn();
    assert.equal((await nodesBy(firstKubeconfig)).code, 0);
  });

  it('has all trust a second authority, also where it was killed', async () => {
    const flags = ['--authority', '--prepare'];
    // The command runs in a process that this one starts: they go together.
    const killed = spawn(process.execPath, words(['rotate', ...flags]), {
      stdio: 'ignore',
      detached: true,
    });
    const ended = new Promise((resolve) => killed.on('exit', resolve));
    await eventually(async () => (trusted() === 2 ? true : undefined));
    process.kill(-(killed.pid ?? 0), 'SIGKILL');
    await ended;
    assert.match(await rotates(...flags), /^A second authority is trusted by all\.\n/);
    await goesOn();
  });

  it('has the new one sign, and those believe it who know the old one alone', async () => {
    assert.match(await rotates('--authority'), /The new authority signs/);
    await goesOn();
    assert.match(await certs('check'), /^ca \(before\) /m);
    const before = await nodesBy(firstKubeconfig);
    assert.equal(before.code, 0, before.stderr);
  });

  it('drops the old one', async () => {
    assert.match(await rotates('--authority', '--finish'), /^One authority is trusted\.\n$/);
    assert.equal(trusted(), 1);
    await goesOn();
    const refused = await nodesBy(firstKubeconfig);
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /certificate/);
    // Nor is it believed itself, whoever the server is.
    const stranger = await nodesBy(firstKubeconfig, '--insecure-skip-tls-verify');
    assert.match(stranger.stderr, /Unauthorized|system:anonymous/);
    const published = await cluster.ok(
      'get configmap kube-root-ca.crt -o jsonpath={.data.ca\\.crt}',
    );
    assert.equal(published.trim(), readFileSync(pki('ca.crt'), 'utf8').trim());
  });

  it('makes a new key for tokens, and believes those of the old one', async () => {
    const create = (): Promise<string> => cluster.ok('create token default');
    const old = await create();
    await rotates('--service-account-key');
    const next = await create();
    assert.notEqual(keyOf(next), keyOf(old));
    for (const token of [old, next]) assert.equal(await isBelieved(token), true);
    const refused = await certsCommand('rotate', '--service-account-key', '--finish');
    assert.match(refused.stderr, /^Cannot drop the old service-account key/);
  });

  it('runs more pods', async () => {
    await cluster.runPod('later', 'exec sleep 3600');
    await goesOn();
    await certs('check');
  });
});

/** The name of the key that signed a token. */
function keyOf(token: string): unknown {
  const [head = ''] = token.split('.');
  return (JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid?: unknown }).kid;
}
