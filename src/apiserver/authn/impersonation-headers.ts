/**
 * The headers by which a client asks to act as somebody else.
 *
 * Source: Kubernetes documentation, "User impersonation"; upstream
 * apiserver/pkg/endpoints/filters/impersonation.
 */
import { badRequest } from '#api/meta/status.ts';
import type { Headers } from '#base/http/message.ts';
import type { User } from '../context.ts';

const EXTRA_PREFIX = 'impersonate-extra-';

/**
 * The user that the headers name, as they name them: nothing is added. Undefined where they name
 * nobody; 400 where they name groups, a uid or extra values of nobody.
 */
export function impersonationOf(headers: Headers): User | undefined {
  const name = headers['impersonate-user'] ?? '';
  const uid = headers['impersonate-uid'] ?? '';
  const groups = linesOf(headers['impersonate-group']);
  const extra: Record<string, readonly string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith(EXTRA_PREFIX)) continue;
    const key = unescapeKey(header.slice(EXTRA_PREFIX.length));
    extra[key] = [...(extra[key] ?? []), ...linesOf(value)];
  }
  const hasExtra = Object.keys(extra).length > 0;
  if (name !== '') {
    return { name, groups, ...(uid === '' ? {} : { uid }), ...(hasExtra ? { extra } : {}) };
  }
  if (groups.length === 0 && uid === '' && !hasExtra) return undefined;
  const asked = `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${goStrings(groups)}, Extra:${goExtra(extra)}}`;
  throw badRequest(`requested ${asked} without impersonating a user name`);
}

/** Several headers of one name are several lines (base/http/message.ts): values may hold commas. */
function linesOf(value: string | undefined): string[] {
  return value === undefined ? [] : value.split('\n');
}

/** The key with its %-escapes read; as it is where they are not well formed. */
function unescapeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function goStrings(values: readonly string[]): string {
  if (values.length === 0) return '[]string(nil)';
  return `[]string{${values.map((value) => JSON.stringify(value)).join(', ')}}`;
}

function goExtra(extra: Readonly<Record<string, readonly string[]>>): string {
  const keys = Object.keys(extra).toSorted();
  if (keys.length === 0) return 'map[string][]string(nil)';
  const entries = keys.map((key) => `${JSON.stringify(key)}:${goStrings(extra[key] ?? [])}`);
  return `map[string][]string{${entries.join(', ')}}`;
}
