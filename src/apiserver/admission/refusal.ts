/**
 * The 403 of an admission plug-in, named after the object that was refused.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/admission/errors.go.
 */
import { forbidden, type StatusCause, StatusError } from '#api/meta/status.ts';
import type { Attributes } from './admission.ts';

/** `pods "web" is forbidden: <message>`. The name may still be a generateName. */
export function refusal(
  attributes: Attributes,
  message: string,
  causes: readonly StatusCause[] = [],
): StatusError {
  const { kind, name, object } = attributes;
  const shown = name || object?.metadata?.name || object?.metadata?.generateName || 'Unknown';
  const error = forbidden({ group: kind.group, resource: kind.plural }, shown, message);
  if (causes.length === 0) return error;
  const { status } = error;
  return new StatusError({
    code: 403,
    reason: 'Forbidden',
    message: status.message ?? '',
    details: { ...status.details, causes: [...causes] },
  });
}

/** Several refusals as one sentence, as upstream joins errors. */
export function joined(messages: readonly string[]): string {
  const unique = [...new Set(messages)];
  return unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
}
