/**
 * Secret: `stringData` is write-only and becomes base64 `data` when the object is decoded.
 *
 * Source: API reference v1.36, core/v1 Secret; upstream pkg/apis/core/v1/conversion.go.
 */
import type { Secret } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from '../meta/columns.ts';
import { validateSecret, validateSecretUpdate } from '../validation/config.ts';
import { keyPairProblem } from '../validation/tls-pair.ts';

function setDefaults(secret: Secret): void {
  secret.type ||= 'Opaque';
  if (secret.stringData === undefined) return;
  const data = { ...secret.data };
  for (const [key, text] of Object.entries(secret.stringData)) {
    data[key] = Buffer.from(text, 'utf8').toString('base64');
  }
  if (Object.keys(data).length > 0) secret.data = data;
  delete secret.stringData;
}

/** Upstream: pkg/registry/core/secret/strategy.go. */
function warn({ type, data = {} }: Secret): string[] {
  if (type !== 'kubernetes.io/tls') return [];
  const bytes = (key: string): Buffer => Buffer.from(data[key] ?? '', 'base64');
  const problem = keyPairProblem(bytes('tls.crt'), bytes('tls.key'));
  return problem === undefined ? [] : [problem];
}

export const SECRET = defineKind<Secret>({
  group: '',
  version: 'v1',
  kind: 'Secret',
  plural: 'secrets',
  namespaced: true,
  schema: 'io.k8s.api.core.v1.Secret',
  countsGeneration: false,
  unconditionalUpdate: true,
  selectableFields: { type: (secret) => secret.type ?? '' },
  columns: [
    NAME_COLUMN,
    column('Type', (secret) => secret.type ?? ''),
    column('Data', (secret) => Object.keys(secret.data ?? {}).length),
    AGE_COLUMN,
  ],
  setDefaults,
  warn,
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
});
