import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fromYaml } from '#api/codec/yaml.ts';
import { currentPath } from '#kubelet/bootstrap/certificate-store.ts';
import { joinPair } from '#kubelet/bootstrap/key-pair.ts';
import { writeAdminKubeconfig } from '../admin-kubeconfig.ts';
import { clusterAuthorities, signWithSecond, trustSecond } from '../authority-files.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig } from '../cluster-config.ts';
import { clusterPki } from '../cluster-pki.ts';
import { type DataDirectory, dataDirectoryAt } from '../data-directory.ts';
import { certificateFolder, type NodeConfig, writeNode } from '../node-config.ts';
import { prepareNodeDirectory } from '../node-directory.ts';
import { nodeIdentityOf } from '../node-identity.ts';
import { type CertificateReport, hasProblem, reportOn, reportText } from './check.ts';
import { checkCertificates } from './command.ts';
import { findCertificates } from './inventory.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 24 * 60 * 60 * 1000;
const CONFIG: ClusterConfig = {
  ...CLUSTER_DEFAULTS,
  listenHost: '127.0.0.1',
  listenPort: 6443,
  nodeName: 'n1',
  nodeAddress: '192.0.2.1',
  simulatedNodes: 0,
};

let path = '';
let data: DataDirectory;

beforeEach(() => {
  path = mkdtempSync(join(tmpdir(), 'certs-'));
  data = dataDirectoryAt(path);
});
afterEach(() => rmSync(path, { recursive: true }));

function setUp(over: Partial<NodeConfig> = {}): void {
  const pki = clusterPki(data, CONFIG, NOW_MS);
  writeAdminKubeconfig(data, CONFIG, pki);
  prepareNodeDirectory(data);
  const identity = nodeIdentityOf(pki, { name: 'n1', addresses: ['192.0.2.1'] });
  const config = { name: 'n1', address: '192.0.2.1', ...over } as NodeConfig;
  writeNode(data, { config, identity });
}

const report = (nowMs = NOW_MS): CertificateReport => reportOn(findCertificates(data), nowMs);
const problemsOf = ({ certificates, certificateAuthorities }: CertificateReport): string[] =>
  [...certificates, ...certificateAuthorities].flatMap(({ name, problem }) =>
    problem === undefined ? [] : [`${name} ${problem}`],
  );

describe('a check of certificates', () => {
  it('names each certificate, its end and its authority', () => {
    setUp();
    const { certificates, certificateAuthorities } = report();
    assert.deepEqual(problemsOf(report()), []);
    assert.deepEqual(
      certificates.map(({ name, caName }) => `${name} ${caName}`),
      [
        'admin.kubeconfig ca',
        'admin ca',
        'apiserver ca',
        'apiserver-kubelet-client ca',
        'controller-manager ca',
        'dns ca',
        'front-proxy-client front-proxy-ca',
        'kubelet-client-n1 ca',
        'kubelet-server-n1 ca',
        'proxy ca',
        'scheduler ca',
        'n1/kubelet-client ca',
        'n1/kubelet-server ca',
        'n1/proxy ca',
        'n1/dns ca',
      ],
    );
    assert.deepEqual(certificates[0], {
      name: 'admin.kubeconfig',
      expirationDate: '2027-01-01T00:00:00.000Z',
      residualTimeSeconds: 365 * 24 * 60 * 60,
      caName: 'ca',
    });
    assert.deepEqual(
      certificateAuthorities.map(({ name }) => name),
      ['ca', 'front-proxy-ca'],
    );
  });

  it('shows tables', () => {
    setUp();
    const lines = reportText(report()).split('\n');
    assert.match(lines[0] ?? '', /^CERTIFICATE +EXPIRES +RESIDUAL TIME +CERTIFICATE AUTHORITY$/);
    assert.match(lines[1] ?? '', /^admin\.kubeconfig +2027-01-01 00:00 UTC +365d +ca$/);
    assert.match(
      reportText(report()),
      /\n\nCERTIFICATE AUTHORITY +EXPIRES +RESIDUAL TIME\nca +2035/,
    );
    rmSync(join(data.pki, 'dns.key'));
    assert.match(reportText(report()), /\n\ndns has no key\n$/);
  });

  it('finds what has expired, and what is not in force yet', () => {
    setUp();
    const late = problemsOf(report(NOW_MS + 365 * DAY_MS));
    assert.equal(late.length, 15);
    assert.ok(late.includes('apiserver has expired'));
    assert.deepEqual(problemsOf(report(NOW_MS + 365 * DAY_MS - 1)), []);
    assert.ok(problemsOf(report(NOW_MS - DAY_MS)).includes('ca is not in force yet'));
    assert.match(reportText(report(NOW_MS + 366 * DAY_MS)), /admin +.* <invalid> +ca\n/);
  });

  it('finds what does not fit together', () => {
    setUp();
    const copy = (from: string, to: string): void =>
      writeFileSync(join(data.pki, to), readFileSync(join(data.pki, from)));
    copy('dns.key', 'proxy.key');
    copy('front-proxy-client.crt', 'scheduler.crt');
    copy('front-proxy-client.key', 'scheduler.key');
    writeFileSync(join(data.pki, 'admin.crt'), 'no certificate');
    rmSync(data.kubeconfig);
    copy('ca.key', 'front-proxy-ca.key');
    assert.deepEqual(problemsOf(report()), [
      'admin.kubeconfig is missing',
      'admin cannot be read',
      'proxy is not of its key',
      'scheduler is not of the authority ca',
      'front-proxy-ca is not of its key',
    ]);
    assert.ok(hasProblem(report()));
  });

  it('shows both authorities while one takes the place of another', () => {
    setUp();
    const { authority } = clusterAuthorities(data.pki);
    const names = () => report().certificateAuthorities.map(({ name }) => name);
    trustSecond(authority, NOW_MS);
    assert.deepEqual(names(), ['ca', 'ca (next)', 'front-proxy-ca']);
    signWithSecond(authority, NOW_MS);
    assert.deepEqual(names(), ['ca', 'ca (before)', 'front-proxy-ca']);
    assert.equal(hasProblem(report()), false);
    // The node's own copies go by what the node believes.
    rmSync(data.pki, { recursive: true });
    assert.deepEqual(names(), ['ca']);
  });

  it('looks at a machine that joined', () => {
    setUp({ rotatesCertificates: true });
    const server = clusterPki(data, CONFIG, NOW_MS).leaf({
      file: 'kubelet-server-n1',
      subject: { commonName: 'system:node:n1' },
      uses: ['server'],
    });
    rmSync(data.pki, { recursive: true });
    const names = () => report().certificates.map(({ name }) => name);
    assert.deepEqual(names(), ['n1/kubelet-client']);
    writeFileSync(currentPath(certificateFolder(data), 'kubelet-server'), joinPair(server));
    assert.deepEqual(names(), ['n1/kubelet-client', 'n1/kubelet-server']);
    assert.equal(hasProblem(report()), false);
  });

  it('answers in JSON and YAML, and tells whether something is wrong', () => {
    setUp();
    const asJson = checkCertificates({ dataDir: path, output: 'json' }, NOW_MS);
    assert.deepEqual(JSON.parse(asJson.text), report());
    const { text } = checkCertificates({ dataDir: path, output: 'yaml' }, NOW_MS);
    assert.deepEqual(fromYaml(text), report());
    assert.equal(asJson.hasProblem, false);
    assert.equal(checkCertificates({ dataDir: path }, NOW_MS + 400 * DAY_MS).hasProblem, true);
  });

  it('is refused where nothing is', () => {
    assert.throws(() => report(), /neither a cluster nor a node is there.*--data-dir/);
  });
});
