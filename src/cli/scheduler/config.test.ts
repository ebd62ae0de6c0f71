/** The configuration of `cox scheduler`: the file, the flags beside it, and what is not there. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fromYaml } from '#api/codec/yaml.ts';
import { readSchedulerConfig } from '#scheduler/config/read.ts';
import type { ExtenderConfig } from '#scheduler/config/types.ts';
import { parseFlags } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { schedulerProcess } from './command.ts';
import { loadConfig } from './config.ts';
import { tlsOf } from './extenders.ts';
import { SCHEDULER } from './flags.ts';

const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cox-scheduler-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** With a file of this text, and further flags. */
function load(t: TestContext, text: string, ...flags: string[]) {
  const path = join(folderOf(t), 'config.yaml');
  writeFileSync(path, HEAD + text);
  return loadConfig(parseFlags(SCHEDULER, [`--config=${path}`, ...flags]));
}

describe('--config', () => {
  it('has the flags of leader election before it, and no other', (t) => {
    const { config, leaderFlags } = load(
      t,
      'leaderElection: {resourceName: mine, retryPeriod: 1s}\nclientConnection: {kubeconfig: a}',
      '--leader-elect-resource-name=yours',
      '--leader-elect=false',
      '--kubeconfig=b',
    );
    assert.equal(config.clientConnection.kubeconfig, 'a');
    assert.equal(leaderFlags.text('leader-elect-resource-name'), 'yours');
    assert.equal(leaderFlags.isOn('leader-elect'), false);
    assert.equal(leaderFlags.milliseconds('leader-elect-retry-period'), 1_000);
    assert.equal(leaderFlags.milliseconds('leader-elect-lease-duration'), 15_000);
  });

  it('has gangs in its default plug-ins where their gate is on', (t) => {
    const names = (...flags: string[]): string[] => {
      const [profile] = load(t, '', ...flags).config.profiles;
      return (profile?.plugins.multiPoint.enabled ?? []).map(({ name }) => name);
    };
    assert.equal(names().includes('GangScheduling'), false);
    const on = '--feature-gates=GenericWorkload=true,GangScheduling=true';
    assert.equal(names(on).at(-1), 'GangScheduling');
    assert.deepEqual(load(t, '', on).gates, { genericWorkload: true, gangScheduling: true });
    assert.throws(() => load(t, '', '--feature-gates=GangScheduling=true'), {
      name: UserError.name,
      message:
        'invalid argument "GangScheduling=true" for "--feature-gates" flag: GangScheduling is enabled, but depends on features that are disabled: [GenericWorkload]',
    });
  });

  it('that is not given leaves the flags', () => {
    const { config } = loadConfig(parseFlags(SCHEDULER, ['--kubeconfig=b']));
    assert.equal(config.clientConnection.kubeconfig, 'b');
  });

  it('is validated with the flags that go before it', (t) => {
    assert.throws(() => load(t, '', '--leader-elect-lease-duration=5s'), {
      name: UserError.name,
      message:
        'leaderElection.leaseDuration: Invalid value: "10s": must be greater than `RenewDeadline`',
    });
  });

  for (const [field, value] of [
    ['qps', '7'],
    ['burst', '7'],
    ['contentType', 'application/cbor'],
    ['acceptContentTypes', 'application/json'],
  ] as const)
    it(`that asks for clientConnection.${field} is refused by name`, (t) => {
      assert.throws(
        () => load(t, `clientConnection: {${field}: ${value}}`),
        new RegExp(`^UserError: Cannot use clientConnection.${field}: `),
      );
    });

  it('may say that requests are not limited, and are in JSON: so they are', (t) => {
    const text = 'clientConnection: {qps: -1, contentType: application/json}';
    assert.equal(load(t, text).config.clientConnection.qps, -1);
  });
});

describe('--write-config-to', () => {
  it('writes what is used, which is read again as the same, and ends', async (t) => {
    const path = join(folderOf(t), 'written.yaml');
    const flags = parseFlags(SCHEDULER, [`--write-config-to=${path}`, '--kubeconfig=none']);
    await schedulerProcess(flags, new AbortController().signal);
    const text = readFileSync(path, 'utf8');
    const { config } = loadConfig(parseFlags(SCHEDULER, ['--kubeconfig=none']));
    assert.deepEqual(readSchedulerConfig(text), config);
    const { profiles } = fromYaml(text) as { profiles: { plugins: Record<string, unknown> }[] };
    assert.deepEqual(profiles[0]?.plugins['filter'], {});
  });
});

describe('the TLS of an extender', () => {
  const of = (config: Partial<ExtenderConfig>) =>
    tlsOf({ urlPrefix: 'https://x', httpTimeout: '5s', ...config });
  const caData = Buffer.from('authority').toString('base64');

  it('believes any server when it is HTTPS without an authority', () => {
    assert.deepEqual(of({ enableHTTPS: true }), { insecureSkipVerify: true });
    assert.deepEqual(of({}), {});
  });

  it('takes data before files', (t) => {
    const file = join(folderOf(t), 'pem');
    writeFileSync(file, 'file');
    const tlsConfig = { caData, caFile: file, certFile: file, keyFile: file, serverName: 'me' };
    assert.deepEqual(of({ enableHTTPS: true, tlsConfig }), {
      ca: 'authority',
      cert: 'file',
      key: 'file',
      serverName: 'me',
    });
  });

  it('cannot both have an authority and believe any server', () => {
    assert.throws(
      () => of({ tlsConfig: { caData, insecure: true } }),
      /specifying a root certificates file with the insecure flag is not allowed/,
    );
  });
});
