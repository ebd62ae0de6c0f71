/** `cox up --audit-policy-file` and `--audit-log-path`: checked here, kept in the cluster's choices. */
import { resolve } from 'node:path';
import type { AuditOptions } from '#apiserver/audit/options.ts';
import type { Environment } from '#base/env.ts';
import { auditOptions, policyIn } from './apiserver/audit-options.ts';
import { API_SERVER } from './apiserver/flags.ts';
import type { AuditFlags } from './audit-flags.ts';
import { parseFlags } from './flags.ts';

/** The flags that were given, whatever directory they were given in. Throws UserError. */
export function auditChoices({ auditPolicyFile, auditLogPath }: AuditFlags): AuditFlags {
  const policy = absolute(auditPolicyFile);
  if (policy !== undefined && policy !== '') policyIn(policy);
  const log = absolute(auditLogPath);
  return {
    ...(policy === undefined ? {} : { auditPolicyFile: policy }),
    ...(log === undefined ? {} : { auditLogPath: log }),
  };
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined || path === '' || path === '-' ? path : resolve(path);
}

/** What the choices mean for the API server; the rest is as `cox apiserver` has it. Throws UserError. */
export function clusterAudit(
  { auditPolicyFile = '', auditLogPath = '' }: AuditFlags,
  environment: Environment,
): { readonly audit?: AuditOptions } {
  const args = [`--audit-policy-file=${auditPolicyFile}`, `--audit-log-path=${auditLogPath}`];
  const audit = auditOptions(parseFlags(API_SERVER, args), environment);
  return audit === undefined ? {} : { audit };
}
