/** Names of resources as an `EncryptionConfiguration` has them. */
export interface GroupResource {
  readonly group: string;
  readonly resource: string;
}

/** `deployments.apps`, `secrets`, `*.` (all of the core), `*.apps`, `*.*`. */
export function parseGroupResource(text: string): GroupResource {
  const dot = text.indexOf('.');
  if (dot < 0) return { group: '', resource: text };
  return { resource: text.slice(0, dot), group: text.slice(dot + 1) };
}
