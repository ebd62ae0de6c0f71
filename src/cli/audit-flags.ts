/** The flags of `cox up` that say what is audited. What they mean is `audit-choices.ts`. */
import type { Command } from 'commander';

/** An empty text takes away what was chosen before. */
export interface AuditFlags {
  readonly auditPolicyFile?: string;
  readonly auditLogPath?: string;
}

/** Adds the flags to a command that starts an API server. */
export function addAuditFlags(command: Command): Command {
  return command
    .option(
      '--audit-policy-file <FILE>',
      'which requests are audited, and how much of each; an empty name ends it (default: as before, or none)',
    )
    .option('--audit-log-path <FILE>', 'the file that audit events are written to');
}
