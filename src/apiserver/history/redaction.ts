/** What is told of a Secret's changes: that they were, not what they hold. */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json } from '#api/meta/object.ts';
import type { Change } from './changes.ts';

const REDACTED = '(redacted)';
/** `kubectl apply` keeps the whole object there, data included. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';

/** The changes of a Secret, without its data. */
export function redacted(changes: readonly Change[]): Change[] {
  return changes.map((change) => {
    const { path } = change;
    return {
      path,
      ...(change.old === undefined ? {} : { old: redactedAt(path, change.old) }),
      ...(change.new === undefined ? {} : { new: redactedAt(path, change.new) }),
    };
  });
}

function redactedAt(path: string, value: Json): Json {
  if (/^(data|stringData)\b/.test(path)) return isJsonObject(value) ? hidden(value) : REDACTED;
  if (!path.startsWith('metadata')) return value;
  if (path.includes(LAST_APPLIED)) return REDACTED;
  if (path === 'metadata.annotations' && isJsonObject(value)) return withoutLastApplied(value);
  const annotations = isJsonObject(value) ? value['annotations'] : undefined;
  return isJsonObject(value) && path === 'metadata' && isJsonObject(annotations)
    ? { ...value, annotations: withoutLastApplied(annotations) }
    : value;
}

function hidden(values: Readonly<Record<string, Json>>): Json {
  return Object.fromEntries(Object.keys(values).map((name) => [name, REDACTED]));
}

function withoutLastApplied(annotations: Readonly<Record<string, Json>>): Json {
  return Object.hasOwn(annotations, LAST_APPLIED)
    ? { ...annotations, [LAST_APPLIED]: REDACTED }
    : { ...annotations };
}
