/** The audit log of `cox up`: the same in a process and in a pod, and none where the user says so. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { VirtualEnvironment } from '#kit/virtual-environment.ts';
import { serverArguments } from './apiserver-arguments.ts';
import { CLUSTER_DEFAULTS, type ClusterConfig } from './cluster-config.ts';
import { dataDirectoryAt } from './data-directory.ts';
import { choosesAudit, DEFAULT_POLICY, defaultAudit, withDefaultAudit } from './default-audit.ts';

const CONFIG: ClusterConfig = {
  ...CLUSTER_DEFAULTS,
  listenHost: '127.0.0.1',
  listenPort: 6443,
  nodeName: 'n1',
  nodeAddress: '192.0.2.10',
  simulatedNodes: 0,
  apiServerArguments: ['event-ttl=2h'],
};

it('an API server in a pod is told what one in the process has', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cox-audit-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const data = dataDirectoryAt(folder);
  const environment = new VirtualEnvironment();
  const { apiServerArguments = [] } = withDefaultAudit(data, CONFIG);
  const issuer = 'https://kubernetes.default.svc';
  const { audit, limits } = serverArguments(apiServerArguments, {
    issuer,
    environment,
  }).options;
  const { rules, omitStages } = audit?.policy ?? {};
  assert.deepEqual({ rules, omitStages }, DEFAULT_POLICY);
  assert.equal(limits?.eventTtlSeconds, 7_200);
  const own = defaultAudit(data, environment);
  const { output: _o, ...delivery } = own.log ?? {};
  const { output: _p, ...told } = audit?.log ?? {};
  assert.deepEqual(told, delivery);
  assert.equal(statSync(join(data.audit, 'policy.yaml')).mode & 0o777, 0o600);
  assert.equal(statSync(join(data.logs, 'audit', 'audit.log')).mode & 0o777, 0o600);
});

it('there is none of ours where the user says what is audited, or that nothing is', () => {
  const data = dataDirectoryAt('/nowhere');
  for (const text of ['audit-log-path=', 'audit-policy-file=/p.yaml']) {
    const config = { ...CONFIG, apiServerArguments: [text] };
    assert.equal(choosesAudit(config), true);
    assert.deepEqual(withDefaultAudit(data, config), config);
  }
  const environment = new VirtualEnvironment();
  const { audit } = serverArguments(['audit-log-path='], {
    issuer: 'https://i',
    environment,
  }).options;
  assert.equal(audit, undefined);
  assert.equal(choosesAudit({ ...CONFIG, apiServerArguments: ['event-ttl=2h'] }), false);
});
