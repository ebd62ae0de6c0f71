import assert from 'node:assert/strict';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { certificatesIn, clusterAuthorities, phaseOf } from '../authority-files.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig } from '../cluster-config.ts';
import { clusterPki } from '../cluster-pki.ts';
import { type DataDirectory, dataDirectoryAt, otherNodeDirectory } from '../data-directory.ts';
import { readAccess } from '../kube-client.ts';
import { fitsTogether, type NodeConfig, readNode, writeNode } from '../node-config.ts';
import { prepareNodeDirectory } from '../node-directory.ts';
import { nodeIdentityOf } from '../node-identity.ts';
import { openServiceAccountKeys } from '../service-account-keys.ts';
import { hasProblem, reportOn } from './check.ts';
import { findCertificates } from './inventory.ts';
import {
  finishAuthority,
  finishServiceAccount,
  type Rotation,
  rotateAuthority,
  rotateLeaves,
  rotateServiceAccount,
  type RunningCluster,
} from './rotate.ts';

const HOUR_MS = 60 * 60 * 1000;
const CONFIG: ClusterConfig = {
  ...CLUSTER_DEFAULTS,
  listenHost: '127.0.0.1',
  listenPort: 6443,
  nodeName: 'n1',
  nodeAddress: '192.0.2.1',
  simulatedNodes: 0,
};

/** What runs: it reads the files at each take-over, and may fail there. */
class FakeCluster implements RunningCluster {
  readonly calls: string[] = [];
  objectionsToTell: string[] = [];
  diesAt = '';
  readonly #data: DataDirectory;

  constructor(data: DataDirectory) {
    this.#data = data;
  }

  #note(call: string): Promise<void> {
    this.calls.push(call);
    if (this.diesAt === String(this.calls.length)) throw new Error('killed');
    return Promise.resolve();
  }

  takeOver(): Promise<void> {
    const places = Object.values(clusterAuthorities(this.#data.pki));
    return this.#note(`take over ${places.map(phaseOf).join(' ')}`);
  }

  untilTrusted(authority: string): Promise<void> {
    return this.#note(`until ${certificatesIn(authority).length} trusted`);
  }

  async objections(authority: string): Promise<string[]> {
    await this.#note(`objections to one of ${certificatesIn(authority).length}`);
    return this.objectionsToTell;
  }
}

let path = '';
let data: DataDirectory;
let cluster: FakeCluster;
let nowMs = 0;
let said: string[] = [];

const rotation = (over: Partial<Rotation> = {}): Rotation => ({
  data,
  config: CONFIG,
  nowMs: () => nowMs,
  say: (line) => void said.push(line),
  running: cluster,
  ...over,
});
const pki = (file: string): string => readFileSync(join(data.pki, file), 'utf8');
const problems = () => reportOn(findCertificates(data), nowMs);
const node = (name = 'n1') =>
  readNode(name === 'n1' ? data : otherNodeDirectory(data, name))?.identity;

function setUpNode(name: string, over: Partial<NodeConfig> = {}): void {
  const directory = name === 'n1' ? data : otherNodeDirectory(data, name);
  prepareNodeDirectory(directory);
  const addresses = ['192.0.2.1'];
  const identity = nodeIdentityOf(clusterPki(data, CONFIG, nowMs), { name, addresses });
  const config = { name, address: '192.0.2.1', ...over } as NodeConfig;
  writeNode(directory, { config, identity });
}

beforeEach(async () => {
  path = mkdtempSync(join(tmpdir(), 'certs-'));
  data = dataDirectoryAt(path);
  cluster = new FakeCluster(data);
  nowMs = Date.now();
  said = [];
  setUpNode('n1');
  setUpNode('n2');
  await rotateLeaves(rotation({ running: undefined }));
});
afterEach(() => rmSync(path, { recursive: true }));

describe('the rotation of leaves', () => {
  it('makes each anew, with another key, and those of the nodes and the administrator', async () => {
    const names = ['apiserver', 'apiserver-kubelet-client', 'front-proxy-client', 'admin', 'dns'];
    const before = names.map((name) => pki(`${name}.crt`));
    const keys = names.map((name) => pki(`${name}.key`));
    const nodes = [node(), node('n2')];
    const authority = pki('ca.crt');
    const admin = readAccess(data.kubeconfig).tls.key;
    await rotateLeaves(rotation());
    for (const [at, name] of names.entries()) {
      assert.notEqual(pki(`${name}.crt`), before[at], name);
      assert.notEqual(pki(`${name}.key`), keys[at], name);
      assert.equal(statSync(join(data.pki, `${name}.key`)).mode & 0o777, 0o600);
    }
    for (const [at, name] of ['n1', 'n2'].entries())
      for (const kind of ['kubeletClient', 'kubeletServer', 'proxy', 'dns'] as const)
        assert.notEqual(node(name)?.[kind].key, nodes[at]?.[kind].key, `${name} ${kind}`);
    assert.equal(pki('ca.crt'), authority);
    assert.notEqual(readAccess(data.kubeconfig).tls.key, admin);
    assert.equal(readAccess(data.kubeconfig).tls.key, pki('admin.key'));
    assert.deepEqual(cluster.calls, ['take over single single']);
    assert.equal(hasProblem(problems()), false);
  });

  it('changes files alone where nothing runs', async () => {
    const before = pki('admin.crt');
    await rotateLeaves(rotation({ running: undefined }));
    assert.notEqual(pki('admin.crt'), before);
    assert.deepEqual(cluster.calls, []);
  });

  it('leaves a machine that asks for its own certificates alone', async () => {
    setUpNode('n2', { rotatesCertificates: true });
    const before = node('n2')?.kubeletClient;
    await rotateLeaves(rotation());
    assert.deepEqual(node('n2')?.kubeletClient, before);
  });

  it('knows a node whose key and certificate do not fit', () => {
    const known = readNode(data);
    assert.ok(known !== undefined && fitsTogether(known));
    const { identity } = known;
    const kubeletServer = { ...identity.kubeletServer, key: identity.dns.key };
    assert.equal(fitsTogether({ identity: { ...identity, kubeletServer } }), false);
  });
});

describe('the rotation of the authority', () => {
  const ALL = [
    'take over both-trusted both-trusted',
    'until 2 trusted',
    'take over new-signs new-signs',
    'until 2 trusted',
  ];
  const signedBy = (certificate: string, authority: string): boolean =>
    new X509Certificate(certificate).verify(new X509Certificate(authority).publicKey);

  it('has all trust both before the new one signs', async () => {
    const [old = ''] = certificatesIn(pki('ca.crt'));
    await rotateAuthority(rotation());
    assert.deepEqual(cluster.calls, ALL);
    const [signing = '', other] = certificatesIn(pki('ca.crt'));
    assert.equal(other, old);
    for (const name of ['apiserver.crt', 'admin.crt', 'kubelet-server-n2.crt'])
      assert.ok(signedBy(pki(name), signing), name);
    assert.ok(signedBy(node('n2')?.kubeletServer.certificate ?? '', signing));
    assert.equal(node()?.authority, signing + old);
    assert.equal(readAccess(data.kubeconfig).tls.ca, signing + old);
    assert.equal(hasProblem(problems()), false);
    // Who knows the old one alone believes the server all the same.
    const shown = certificatesIn(clusterPki(data, CONFIG, nowMs).apiServer.certificate);
    assert.equal(shown.length, 2);
    assert.ok(signedBy(shown[0] ?? '', shown[1] ?? '') && signedBy(shown[1] ?? '', old));
  });

  it('stops when all trust both, where that is asked for', async () => {
    const before = pki('apiserver.crt');
    await rotateAuthority(rotation(), { preparesOnly: true });
    assert.deepEqual(cluster.calls, ALL.slice(0, 2));
    assert.equal(pki('apiserver.crt'), before);
    assert.equal(certificatesIn(node()?.authority ?? '').length, 2);
    await rotateAuthority(rotation());
    assert.deepEqual(cluster.calls.slice(2), ALL);
  });

  it('drops the old one', async () => {
    await rotateAuthority(rotation());
    const [signing] = certificatesIn(pki('ca.crt'));
    cluster.calls.length = 0;
    await finishAuthority(rotation());
    assert.deepEqual(cluster.calls, [
      'objections to one of 2',
      'take over single single',
      'until 1 trusted',
    ]);
    assert.equal(pki('ca.crt'), signing);
    assert.equal(node('n2')?.authority, signing);
    assert.equal(readAccess(data.kubeconfig).tls.ca, signing);
    const shown = clusterPki(data, CONFIG, nowMs).apiServer.certificate;
    assert.equal(certificatesIn(shown).length, 1);
    assert.equal(hasProblem(problems()), false);
  });

  it('keeps the old one while a node needs it', async () => {
    await rotateAuthority(rotation());
    cluster.objectionsToTell = ['Node n2 sleeps'];
    await assert.rejects(finishAuthority(rotation()), /Cannot drop the old.*\n {2}Node n2 sleeps/);
    assert.equal(certificatesIn(pki('ca.crt')).length, 2);
  });

  it('drops the one that tells the phase last', async () => {
    await rotateAuthority(rotation());
    writeFileSync(join(data.pki, 'front-proxy-ca.key'), pki('ca.key'));
    await assert.rejects(finishAuthority(rotation()), /Cannot sign with .*front-proxy-ca\.key/);
    assert.equal(certificatesIn(pki('ca.crt')).length, 2);
  });

  it('goes on wherever it was killed', async () => {
    for (let at = 1; at <= ALL.length; at++) {
      cluster = new FakeCluster(data);
      cluster.diesAt = String(at);
      await assert.rejects(async () => rotateAuthority(rotation()), /killed/);
      assert.equal(hasProblem(problems()), false, `killed at ${at}`);
      cluster.diesAt = '';
      await rotateAuthority(rotation());
      assert.equal(cluster.calls.at(-2), ALL[2]);
      cluster.diesAt = String(cluster.calls.length + 2);
      await assert.rejects(async () => finishAuthority(rotation()), /killed/);
      cluster.diesAt = '';
      await finishAuthority(rotation());
      assert.equal(cluster.calls.at(-1), 'until 1 trusted');
      assert.equal(hasProblem(problems()), false, `killed at ${at}`);
    }
  });

  it('refuses what is not its turn', async () => {
    await rotateAuthority(rotation(), { preparesOnly: true });
    await assert.rejects(finishAuthority(rotation()), /does not sign yet.*--authority" first/);
    await assert.rejects(
      rotateAuthority(rotation({ running: undefined })),
      /the cluster is down.*Start it with cox up/,
    );
    await assert.rejects(finishAuthority(rotation({ running: undefined })), /the cluster is down/);
  });

  it('refuses to begin another one before one has ended', async () => {
    await rotateAuthority(rotation());
    const { frontProxy } = clusterAuthorities(data.pki);
    const [signing = ''] = certificatesIn(pki('front-proxy-ca.crt'));
    writeFileSync(join(data.pki, 'front-proxy-ca.crt'), signing);
    assert.equal(phaseOf(frontProxy), 'single');
    await assert.rejects(rotateAuthority(rotation()), /is about to end.*--finish" first/);
  });
});

describe('the rotation of the service-account key', () => {
  it('believes tokens of the one of before for a day', async () => {
    const before = openServiceAccountKeys(data.pki).key;
    await rotateServiceAccount(rotation());
    const opened = clusterPki(data, CONFIG, nowMs);
    assert.notEqual(opened.serviceAccountKey, before);
    const old = createPublicKey(before).export({ type: 'spki', format: 'pem' }).toString();
    assert.deepEqual(opened.trustedServiceAccountKeys, [old]);
    assert.deepEqual(cluster.calls, ['take over single single']);
    utimesSync(join(data.pki, 'sa.key'), nowMs / 1000, nowMs / 1000);
    nowMs += 23 * HOUR_MS;
    await assert.rejects(finishServiceAccount(rotation()), /pods may have tokens of it until 20/);
    assert.equal(openServiceAccountKeys(data.pki).trusted.length, 1);
    nowMs += HOUR_MS + 1_000;
    await finishServiceAccount(rotation());
    assert.deepEqual(openServiceAccountKeys(data.pki).trusted, []);
    assert.equal(cluster.calls.length, 2);
    await finishServiceAccount(rotation());
  });
});
