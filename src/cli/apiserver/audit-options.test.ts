import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { buildKubeconfig } from '#client/kubeconfig.ts';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { parseFlags } from '../flags.ts';
import { UserError } from '../user-error.ts';
import { auditOptions } from './audit-options.ts';
import { API_SERVER } from './flags.ts';

interface Ending {
  after(run: () => void): void;
}

const POLICY = 'apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]\n';

function filesIn(t: Ending) {
  const folder = mkdtempSync(join(tmpdir(), 'audit-options-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  return { folder, file };
}

const read = (...args: string[]) =>
  auditOptions(parseFlags(API_SERVER, args), new VirtualEnvironment());

function refusal(...args: string[]): string {
  try {
    read(...args);
  } catch (error) {
    assert.ok(error instanceof UserError, String(error));
    return error.message;
  }
  return '';
}

describe('the flags of the audit log', () => {
  it('audit nothing without a policy', (t) => {
    const { folder } = filesIn(t);
    assert.equal(read(), undefined);
    assert.equal(read(`--audit-log-path=${folder}/audit.log`), undefined);
  });

  it('have upstream’s defaults', (t) => {
    const { file, folder } = filesIn(t);
    const config = buildKubeconfig({
      server: 'https://10.0.0.9:8443/k8s/audit/',
      ca: '',
      cert: '',
      key: '',
      cluster: 'c',
      user: 'u',
    });
    const options = read(
      `--audit-policy-file=${file('policy.yaml', POLICY)}`,
      `--audit-log-path=${folder}/audit.log`,
      `--audit-webhook-config-file=${file('config', JSON.stringify(config))}`,
    );
    assert.deepEqual(options?.policy.rules, [{ level: 'Metadata' }]);
    const { output: _, ...log } = options?.log ?? {};
    assert.deepEqual(log, {
      mode: 'blocking',
      format: 'json',
      batch: { bufferSize: 10_000, maxSize: 1, maxWaitMs: 0 },
    });
    const { handler: __, ...webhook } = options?.webhook ?? {};
    assert.deepEqual(webhook, {
      mode: 'batch',
      url: '/k8s/audit',
      initialBackoffMs: 10_000,
      batch: {
        bufferSize: 10_000,
        maxSize: 400,
        maxWaitMs: 30_000,
        throttle: { perSecond: 10, burst: 15 },
      },
    });
  });

  it('are taken as they are given', (t) => {
    const { file, folder } = filesIn(t);
    const options = read(
      `--audit-policy-file=${file('policy.yaml', POLICY)}`,
      `--audit-log-path=${folder}/audit.log`,
      '--audit-log-format=legacy',
      '--audit-log-mode=batch',
      '--audit-log-batch-buffer-size=7',
      '--audit-log-batch-max-size=6',
      '--audit-log-batch-max-wait=5s',
      '--audit-log-batch-throttle-enable',
      '--audit-log-batch-throttle-qps=0.5',
      '--audit-log-batch-throttle-burst=3',
      '--audit-log-truncate-enabled',
      '--audit-log-truncate-max-event-size=100',
      '--audit-log-truncate-max-batch-size=200',
    );
    const { output: _, ...log } = options?.log ?? {};
    assert.deepEqual(log, {
      mode: 'batch',
      format: 'legacy',
      batch: {
        bufferSize: 7,
        maxSize: 6,
        maxWaitMs: 5000,
        throttle: { perSecond: 0.5, burst: 3 },
      },
      truncate: { maxBatchBytes: 200, maxEventBytes: 100 },
    });
  });

  it('take the wait before a second attempt by its old name too', (t) => {
    const { file } = filesIn(t);
    const config = { server: 'http://h', ca: '', cert: '', key: '', cluster: 'c', user: 'u' };
    const args = [
      `--audit-policy-file=${file('policy.yaml', POLICY)}`,
      `--audit-webhook-config-file=${file('config', JSON.stringify(buildKubeconfig(config)))}`,
    ];
    const backoffMs = (...more: string[]) => read(...args, ...more)?.webhook?.initialBackoffMs;
    assert.equal(backoffMs('--audit-webhook-batch-initial-backoff=3s'), 3000);
    assert.equal(backoffMs('--audit-webhook-initial-backoff=2s'), 2000);
    assert.equal(read(...args)?.webhook?.url, '/');
  });

  const log = (...args: string[]) => ['--audit-log-path=-', ...args];
  const hook = (...args: string[]) => ['--audit-webhook-config-file=/none', ...args];
  const rows: [args: string[], message: string][] = [
    [
      log('--audit-log-mode=fast'),
      'invalid audit log mode fast, allowed modes are "batch,blocking,blocking-strict"',
    ],
    [
      log('--audit-log-format=xml'),
      'invalid audit log format xml, allowed formats are "legacy,json"',
    ],
    [log('--audit-log-maxage=-1'), "--audit-log-maxage -1 can't be a negative number"],
    [log('--audit-log-maxbackup=-2'), "--audit-log-maxbackup -2 can't be a negative number"],
    [log('--audit-log-maxsize=-3'), "--audit-log-maxsize -3 can't be a negative number"],
    [
      log('--audit-log-version=audit.k8s.io/v1beta1'),
      'invalid group version, allowed versions are ["audit.k8s.io/v1"]',
    ],
    [
      hook('--audit-webhook-batch-buffer-size=0'),
      'invalid audit batch webhook buffer size 0, must be a positive number',
    ],
    [
      hook('--audit-webhook-batch-max-size=-1'),
      'invalid audit batch webhook max batch size -1, must be a positive number',
    ],
    [
      hook('--audit-webhook-batch-throttle-qps=0'),
      'invalid audit batch webhook throttle QPS 0, must be a positive number',
    ],
    [
      hook('--audit-webhook-batch-throttle-burst=0'),
      'invalid audit batch webhook throttle burst 0, must be a positive number',
    ],
    [
      hook('--audit-webhook-truncate-max-event-size=0'),
      'invalid audit truncate webhook max event size 0, must be a positive number',
    ],
    [
      hook('--audit-webhook-truncate-max-batch-size=100'),
      'invalid audit truncate webhook max batch size 100, must be greater than max event size (102400)',
    ],
  ];
  for (const [args, message] of rows)
    it(`refuse ${args.slice(1).join(' ')}`, () => assert.equal(refusal(...args), message));

  it('do not look at numbers that do not count', () => {
    assert.equal(refusal(...log('--audit-log-batch-max-size=0')), '');
    assert.equal(refusal('--audit-log-mode=fast', '--audit-webhook-mode=fast'), '');
    assert.equal(
      refusal(
        ...hook('--audit-webhook-batch-throttle-enable=false'),
        '--audit-webhook-batch-throttle-qps=0',
      ),
      '',
    );
  });

  it('say which policy is wrong', (t) => {
    const { file } = filesIn(t);
    const path = file('policy.yaml', 'apiVersion: audit.k8s.io/v1\nkind: Policy\n');
    assert.equal(
      refusal(`--audit-policy-file=${path}`),
      `loading audit policy file: loaded illegal policy with 0 rules: from file ${path}`,
    );
    assert.match(refusal('--audit-policy-file=/none'), /^Cannot read \/none: /);
  });
});
