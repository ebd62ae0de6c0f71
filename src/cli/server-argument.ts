/** One `NAME=VALUE` of `cox up --apiserver-arg`. */
import { UserError } from './user-error.ts';

export function nameAndValue(text: string): { readonly name: string; readonly value: string } {
  const at = text.indexOf('=');
  if (at <= 0)
    throw new UserError(
      `Cannot use --apiserver-arg ${JSON.stringify(text)}: give NAME=VALUE, for example audit-policy-file=policy.yaml, or none.`,
    );
  return { name: text.slice(0, at).replace(/^--/, ''), value: text.slice(at + 1) };
}

/** Whether the value names a file. */
export function isPath(name: string, value: string): boolean {
  if (value === '' || value === '-' || name === 'runtime-config') return false;
  return /-(?:file|path|config)$/.test(name);
}
