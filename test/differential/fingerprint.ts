/**
 * What of an answer counts, in a few characters: equal fingerprints are answers that `compare.ts`
 * finds no difference in, the wording of messages aside.
 */
import { createHash } from 'node:crypto';
import { isJsonObject } from '#api/meta/json.ts';
import { causeKeys } from './compare.ts';
import type { Answer } from './model.ts';

/** `201 3f2a…`; of a refusal `422 Invalid FieldValueRequired spec.a,… 3f2a…`, for people to read. */
export function fingerprint(answer: Answer): string {
  const { status, headers, body } = answer;
  const sorted = Object.keys(headers)
    .toSorted()
    .map((name) => [name, headers[name]?.split(', 299').toSorted()]);
  if (status < 400) return `${status} ${shortHash([sorted, body])}`;
  if (!isJsonObject(body) || body['kind'] !== 'Status') return `${status} ${shortHash(sorted)}`;
  const { details } = body;
  const { causes: _causes, ...rest } = isJsonObject(details ?? null)
    ? (details as Record<string, unknown>)
    : {};
  const reason = typeof body['reason'] === 'string' ? body['reason'] : '';
  const causes = [...causeKeys(answer)].toSorted().join(',');
  return `${status} ${reason} ${causes} ${shortHash([sorted, rest])}`;
}

const HASH_LENGTH = 8;

function shortHash(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, HASH_LENGTH);
}
