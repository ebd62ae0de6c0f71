/** Further versions of a kind that differ from it in their name alone. */
import { anyKind, type AnyKind, defineKind, type Kind, type KindDefinition } from './kind.ts';
import { apiVersionOf, type KubeObject } from './meta/object.ts';

/** What an older version has of its own. */
export type VersionTraits = Pick<KindDefinition<KubeObject>, 'deprecation' | 'featureGate'>;

/** `kind` served as `version` too: the same fields, the same rules, the same stored objects. */
export function inVersion<T extends KubeObject>(
  kind: Kind<T>,
  version: string,
  traits: VersionTraits = {},
): AnyKind {
  const { group, schema } = kind;
  const storedVersion = apiVersionOf(kind);
  const apiVersion = apiVersionOf({ group, version });
  return anyKind(
    defineKind<T>({
      ...kind,
      version,
      schema: schema.replace(`.${kind.version}.`, `.${version}.`),
      storedAs: {
        group,
        version: kind.version,
        schema,
        toStored: (object) => ({ ...object, apiVersion: storedVersion }),
        fromStored: (object) => ({ ...object, apiVersion }),
      },
      ...traits,
    }),
  );
}

/** Upstream's sentence about a version that goes away, as its API lifecycle says it. */
export function deprecated(
  of: { readonly group: string; readonly version: string; readonly kind: string },
  { since, until, use }: { readonly since: string; readonly until: string; readonly use?: string },
): string {
  const replacement = use === undefined ? '' : `; use ${use}`;
  return `${apiVersionOf(of)} ${of.kind} is deprecated in v${since}+, unavailable in v${until}+${replacement}`;
}
