/** Rights that parts of a write take, beyond the right to the request. */
import type { Eventual } from '#base/eventual.ts';
import type { NeededPermission } from '#api/kind.ts';
import type { FieldError } from '#api/meta/field.ts';
import type { ApiObject } from '../api-object.ts';
import type { UpdateOptions } from './options.ts';
import type { Resource } from './resource.ts';

/** What is asked of the authorizer: the rest is as in the request. */
export interface PermissionAsked {
  readonly verb: string;
  readonly subresource: string;
  /** Empty: in all. */
  readonly namespace: string;
  readonly name: string;
}

/** Answers why not, in upstream's words; undefined: the user may. */
export type Permits = (asked: PermissionAsked) => Eventual<string | undefined>;

/** What the user may not; at once where the kind asks for nothing, as most do. */
export function permissionErrors(
  { kind }: Resource,
  { next, old }: { readonly next: ApiObject; readonly old: ApiObject },
  options: UpdateOptions,
): Eventual<FieldError[]> {
  const needed = kind.permissionsNeeded?.(next, old, options.user) ?? [];
  return needed.length === 0 ? [] : errorsOf(needed, options);
}

async function errorsOf(
  needed: readonly NeededPermission[],
  { namespace, verb = 'update', permits }: UpdateOptions,
): Promise<FieldError[]> {
  const errors: FieldError[] = [];
  for (const one of needed) {
    const { subresource, inNamespace, name, verbPrefixes } = one;
    const verbs = verbPrefixes.map((prefix) => `${prefix}${verb}`);
    const place = { subresource, name, namespace: inNamespace ? namespace : '' };
    const reasons: string[] = [];
    for (const asked of verbs) {
      const reason = await permits?.({ verb: asked, ...place });
      if (reason === undefined) break;
      reasons.push(reason);
    }
    if (reasons.length === verbs.length) errors.push(one.error(verbs, reasons[0] ?? ''));
  }
  return errors;
}
