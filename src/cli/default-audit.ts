/**
 * The audit log that a cluster of `cox up` keeps unless something else is asked for (`--apiserver-arg
 * audit-...`): who changed what, who read Secrets and tokens, who went into containers. Nothing of
 * what is read and written is in it, and nothing of what components do all day.
 *
 * Source of the numbers: CIS Kubernetes Benchmark v1.11, 1.2.16 to 1.2.19; of what has to be in it:
 * 3.2.2.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { toYaml } from '#api/codec/yaml.ts';
import { API_VERSION, type Policy, type PolicyRule } from '#api/audit/policy.ts';
import type { AuditOptions } from '#apiserver/audit/options.ts';
import type { Environment } from '#base/env.ts';
import { auditLogFile } from './apiserver/audit-log-file.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { DataDirectory } from './data-directory.ts';
import { writeFileDurably } from './files.ts';
import { nameAndValue } from './server-argument.ts';

/** Ten old files of 100 megabytes, none older than a month. */
const LIMITS = { maxAgeDays: 30, maxBackups: 10, megabytes: 100 };
/** Events go out together, behind the answers: a write waits for no second file. */
const BATCH = { bufferSize: 10_000, maxSize: 400, maxWaitMs: 1_000 };

/** They write on behalf of others all day; what they are asked for is in the log. */
const COMPONENTS = [
  'system:apiserver',
  'system:kube-controller-manager',
  'system:kube-scheduler',
  'system:kube-proxy',
  'system:kube-dns',
];
const OWN_GROUPS = ['system:serviceaccounts:kube-system'];
const NODES = ['system:nodes'];

const RULES: readonly PolicyRule[] = [
  { level: 'None', users: COMPONENTS },
  { level: 'None', userGroups: OWN_GROUPS },
  // What a node says of itself, every few seconds.
  {
    level: 'None',
    userGroups: NODES,
    resources: [
      { resources: ['events', 'nodes/status', 'pods/status', 'secrets'] },
      { group: 'events.k8s.io', resources: ['events'] },
      { group: 'coordination.k8s.io', resources: ['leases'] },
      { group: 'authentication.k8s.io', resources: ['tokenreviews'] },
      { group: 'authorization.k8s.io', resources: ['subjectaccessreviews'] },
    ],
  },
  // Read or written: what opens doors, and the doors of containers.
  {
    level: 'Metadata',
    resources: [
      { resources: ['secrets', 'serviceaccounts/token'] },
      { group: 'authentication.k8s.io', resources: ['tokenreviews'] },
      {
        resources: [
          'pods/attach',
          'pods/exec',
          'pods/ephemeralcontainers',
          'pods/portforward',
          'pods/proxy',
          'services/proxy',
          'nodes/proxy',
        ],
      },
    ],
  },
  { level: 'None', verbs: ['get', 'list', 'watch'] },
  { level: 'Metadata' },
];

/** Each request once, when it is over. */
export const DEFAULT_POLICY: Policy = { rules: RULES, omitStages: ['RequestReceived'] };

/** Whether the user has said what is audited, if only that nothing is. */
export function choosesAudit({ apiServerArguments = [] }: ClusterConfig): boolean {
  return apiServerArguments.some((text) => nameAndValue(text).name.startsWith('audit-'));
}

function placesIn(data: DataDirectory) {
  return { policy: join(data.audit, 'policy.yaml'), log: join(data.logs, 'audit', 'audit.log') };
}

/** Of a control plane in a process. Throws UserError where the log cannot be written. */
export function defaultAudit(
  data: DataDirectory,
  environment: Pick<Environment, 'clock' | 'log'>,
): AuditOptions {
  const { maxAgeDays, maxBackups, megabytes } = LIMITS;
  const output = auditLogFile({
    path: placesIn(data).log,
    environment,
    maxBytes: megabytes * 1024 * 1024,
    maxBackups,
    maxAgeDays,
    compress: false,
  });
  return {
    policy: DEFAULT_POLICY,
    log: { output, format: 'json', mode: 'batch', batch: BATCH },
  };
}

/** The same as flags, for an API server in a pod; their files and folders are made. */
export function withDefaultAudit(data: DataDirectory, config: ClusterConfig): ClusterConfig {
  if (choosesAudit(config)) return config;
  const { policy, log } = placesIn(data);
  for (const folder of [data.audit, join(data.logs, 'audit')])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileDurably(
    policy,
    toYaml({ apiVersion: API_VERSION, kind: 'Policy', ...DEFAULT_POLICY }),
    0o600,
  );
  const flags = [
    `audit-policy-file=${policy}`,
    `audit-log-path=${log}`,
    `audit-log-maxage=${LIMITS.maxAgeDays}`,
    `audit-log-maxbackup=${LIMITS.maxBackups}`,
    `audit-log-maxsize=${LIMITS.megabytes}`,
    'audit-log-mode=batch',
    `audit-log-batch-buffer-size=${BATCH.bufferSize}`,
    `audit-log-batch-max-size=${BATCH.maxSize}`,
    `audit-log-batch-max-wait=${BATCH.maxWaitMs}ms`,
  ];
  return { ...config, apiServerArguments: [...(config.apiServerArguments ?? []), ...flags] };
}
