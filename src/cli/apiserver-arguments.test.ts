import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { argumentsGiven, serverArguments } from './apiserver-arguments.ts';
import { UserError } from './user-error.ts';

const POLICY = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n';
const ISSUER = 'https://kubernetes.default.svc.cluster.local';

describe('--apiserver-arg of cox up', () => {
  const environment = new VirtualEnvironment();
  let folder: string;
  let policy: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'coxswain-test-'));
    policy = join(folder, 'policy.yaml');
    writeFileSync(policy, POLICY);
  });
  after(() => rmSync(folder, { recursive: true }));

  const given = (...texts: string[]): string[] => argumentsGiven(texts, environment);
  const refusal = (...texts: string[]): string => {
    try {
      given(...texts);
    } catch (error) {
      assert.ok(error instanceof UserError, String(error));
      return error.message;
    }
    return '';
  };

  it('is kept with whole paths', () => {
    const near = relative(process.cwd(), policy);
    assert.deepEqual(given(`audit-policy-file=${near}`, '--audit-log-path=-', 'event-ttl=2h'), [
      `audit-policy-file=${policy}`,
      'audit-log-path=-',
      'event-ttl=2h',
    ]);
  });

  it('is kept once: lists are joined, of others the last counts', () => {
    const plugins = ['AlwaysPullImages', 'NamespaceExists'];
    const texts = plugins.map((name) => `enable-admission-plugins=${name}`);
    assert.deepEqual(given('event-ttl=1h', ...texts, 'event-ttl=2h'), [
      'event-ttl=2h',
      `enable-admission-plugins=${plugins.join(',')}`,
    ]);
  });

  it('is taken away by none', () => assert.deepEqual(given('none'), []));

  it('means what it means to cox apiserver', () => {
    const texts = [
      `audit-policy-file=${policy}`,
      `audit-log-path=${folder}/audit.log`,
      'max-requests-inflight=7',
      'enable-admission-plugins=AlwaysPullImages',
    ];
    const { options } = serverArguments(texts, { issuer: ISSUER, environment });
    assert.equal(options.audit?.policy.rules.length, 1);
    assert.equal(options.limits?.readsInFlight, 7);
    assert.deepEqual(options.admission?.enabled, ['AlwaysPullImages']);
    assert.equal(options.serviceAccountIssuer, ISSUER);
  });

  it('leaves what cox up decides alone', () => {
    const { options } = serverArguments(['event-ttl=2h'], { issuer: ISSUER, environment });
    for (const name of ['advertise', 'clientCa', 'serviceAccountKey', 'featureGates', 'history'])
      assert.ok(!(name in options), name);
    assert.equal(options.authentication?.serviceAccounts?.extendsExpiration ?? false, false);
  });

  it('refuses what is no flag, what is none of the user, and what cannot be used', () => {
    assert.equal(refusal('nonsense=1'), 'unknown flag: --nonsense');
    assert.match(refusal('audit-log-path'), /give NAME=VALUE/);
    assert.equal(
      refusal('secure-port=1'),
      'Cannot use --apiserver-arg secure-port: cox up decides this itself.',
    );
    assert.match(refusal('audit-policy-file=/none'), /^Cannot read \/none/);
    assert.match(refusal('etcd-servers=x'), /etcd as a store is not there yet/);
  });
});
