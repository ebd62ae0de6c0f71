import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { textResponse } from '#apiserver/respond.ts';
import { realEnvironment } from '#edge/environment.ts';
import { serveHttp } from '#edge/http-server.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig, writeClusterConfig } from '../cluster-config.ts';
import { clusterPki } from '../cluster-pki.ts';
import { type DataDirectory, dataDirectoryAt, prepareDataDirectory } from '../data-directory.ts';
import { writeFileDurably } from '../files.ts';
import { lockCertificates } from '../lock.ts';
import { startTicksOf } from '../supervisor.ts';
import { type RotateFlags, rotateCertificates } from './command.ts';

const environment = realEnvironment({ logLevel: 'error' });
const CONFIG: ClusterConfig = {
  ...CLUSTER_DEFAULTS,
  listenHost: '127.0.0.1',
  listenPort: 6443,
  nodeName: 'n1',
  nodeAddress: '192.0.2.1',
  simulatedNodes: 0,
};

let data: DataDirectory;
let said: string[] = [];

const rotate = (flags: Omit<RotateFlags, 'dataDir'> = {}): Promise<void> =>
  rotateCertificates(
    { dataDir: data.path, ...flags },
    { environment, say: (line) => void said.push(line) },
  );

describe('cox certs rotate', {
  skip: process.platform !== 'linux' && 'start times of processes are Linux',
}, () => {
  beforeEach(() => {
    said = [];
    data = dataDirectoryAt(mkdtempSync(join(tmpdir(), 'certs-')));
    prepareDataDirectory(data);
    writeClusterConfig(data, CONFIG);
    clusterPki(data, CONFIG, environment.clock.now());
  });
  afterEach(() => rmSync(data.path, { recursive: true }));

  const admin = (): string => readFileSync(join(data.pki, 'admin.crt'), 'utf8');

  it('changes the files of a cluster that is down, and lets go of its locks', async () => {
    const before = admin();
    await rotate();
    assert.notEqual(admin(), before);
    assert.deepEqual(said, ['Every certificate was made anew.']);
    for (const name of ['lock', 'certs.lock']) assert.ok(!existsSync(join(data.path, name)), name);
  });

  it('makes a new service-account key, and keeps the old one for now', async () => {
    await rotate({ serviceAccountKey: true });
    assert.match(said[0] ?? '', /A new key signs/);
    await assert.rejects(
      rotate({ serviceAccountKey: true, finish: true }),
      /Cannot drop the old service-account key/,
    );
  });

  it('refuses flags that say nothing together', async () => {
    await assert.rejects(rotate({ finish: true }), /--finish needs to know of what/);
    await assert.rejects(rotate({ prepare: true }), /--prepare is the first half of --authority/);
    const both = { authority: true, serviceAccountKey: true };
    await assert.rejects(rotate(both), /one after the other/);
    const halves = { authority: true, prepare: true, finish: true };
    await assert.rejects(rotate(halves), /--prepare is the first half/);
  });

  it('refuses the authority of a cluster that is down', async () => {
    await assert.rejects(rotate({ authority: true }), /the cluster is down/);
    await assert.rejects(rotate({ authority: true, finish: true }), /the cluster is down/);
  });

  it('refuses where no cluster is', async () => {
    rmSync(join(data.path, 'cluster.json'));
    await assert.rejects(rotate(), /no cluster of cox up is there/);
  });

  it('refuses while another one is at work', async () => {
    const lock = lockCertificates(data);
    const before = admin();
    await assert.rejects(rotate(), /another "cox certs rotate" does already/);
    assert.equal(admin(), before);
    lock.release();
    await rotate();
  });

  it('goes on where another one was killed', async () => {
    writeFileDurably(
      join(data.path, 'certs.lock'),
      JSON.stringify({ pid: process.pid, startTicks: '1', stopping: false }),
      0o600,
    );
    await rotate();
    assert.equal(said.length, 1);
  });

  it('refuses processes that nobody would bring back', async () => {
    const startTicks = startTicksOf(process.pid);
    const text = JSON.stringify({ pid: process.pid, startTicks });
    writeFileDurably(join(data.run, 'control-plane.pid'), text, 0o600);
    const before = admin();
    await assert.rejects(rotate(), /its cox up was killed/);
    assert.equal(admin(), before);
  });

  it('refuses pods that nobody would start anew', async (t) => {
    const { certificate: cert, key } = clusterPki(data, CONFIG, environment.clock.now()).apiServer;
    const server = await serveHttp({
      handler: async () => textResponse(401, 'who are you?'),
      host: '127.0.0.1',
      port: 0,
      tls: { cert, key },
    });
    t.after(() => server.close({ graceMs: 0 }));
    const config = { ...CONFIG, listenPort: server.port };
    writeClusterConfig(data, { ...config, selfHosted: true });
    const before = admin();
    await assert.rejects(rotate(), /its cox up was killed/);
    await server.close({ graceMs: 0 });
    const startTicks = startTicksOf(process.pid);
    const pidFile = join(data.run, 'node.pid');
    writeFileDurably(pidFile, JSON.stringify({ pid: process.pid, startTicks }), 0o600);
    await assert.rejects(rotate(), /its cox up was killed/);
    assert.equal(admin(), before);
    rmSync(pidFile);
    await rotate();
    assert.notEqual(admin(), before);
  });
});
