/** `cox rbac least`: reads audit logs, line by line, and writes roles. */
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { isDns1123Subdomain } from '#api/meta/names.ts';
import { toYaml } from '#api/codec/yaml.ts';
import { type AuditedRequest, isOf, leastRoles } from '#why/rbac/least.ts';
import { messageOf, UserError } from '../user-error.ts';

export interface LeastFlags {
  readonly auditLog: readonly string[];
  readonly name?: string;
  readonly byName?: boolean;
}

/** YAML, a document an object. Rejects with UserError. */
export async function rbacLeast(user: string, flags: LeastFlags): Promise<string> {
  const name = flags.name ?? nameAfter(user);
  const [wrong] = isDns1123Subdomain(name);
  if (wrong !== undefined)
    throw new UserError(`Cannot use --name ${JSON.stringify(name)}: ${wrong}`);
  const events: AuditedRequest[] = [];
  for (const path of flags.auditLog)
    for await (const event of eventsIn(path)) if (isOf(event, user)) events.push(event);
  const objects = leastRoles(events, { user, name, byName: flags.byName === true });
  if (objects.length === 0)
    throw new UserError(
      `Cannot say what ${user} needs: the log has no request of that user that was let through. Names are whole: system:serviceaccount:NAMESPACE:NAME for a service account.`,
    );
  return objects.map(toYaml).join('---\n');
}

async function* eventsIn(path: string): AsyncGenerator<AuditedRequest> {
  let at = 0;
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      at++;
      if (line.trim() !== '') yield JSON.parse(line) as AuditedRequest;
    }
  } catch (error) {
    const where = error instanceof SyntaxError ? `line ${at} of ${path}` : path;
    throw new UserError(
      `Cannot read ${where}: ${messageOf(error)}. An audit log is written with --audit-log-path, in JSON.`,
    );
  }
}

/** `system:serviceaccount:shop:web` → `web` */
function nameAfter(user: string): string {
  const last = user.slice(user.lastIndexOf(':') + 1);
  return last
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
}
