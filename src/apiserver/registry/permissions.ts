/** Rights that parts of a write take, beyond the right to the request. */
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
export type Permits = (asked: PermissionAsked) => string | undefined;

export function permissionErrors(
  { kind }: Resource,
  { next, old }: { readonly next: ApiObject; readonly old: ApiObject },
  { user, namespace, verb = 'update', permits }: UpdateOptions,
): FieldError[] {
  const needed = kind.permissionsNeeded?.(next, old, user) ?? [];
  return needed.flatMap((one) => {
    const { subresource, inNamespace, name, verbPrefixes } = one;
    const verbs = verbPrefixes.map((prefix) => `${prefix}${verb}`);
    const reasons: string[] = [];
    for (const asked of verbs) {
      const place = { subresource, name, namespace: inNamespace ? namespace : '' };
      const reason = permits?.({ verb: asked, ...place });
      if (reason === undefined) return [];
      reasons.push(reason);
    }
    return [one.error(verbs, reasons[0] ?? '')];
  });
}
