/** What answers about access say that is of the moment, beside what `normalise.ts` takes out. */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json } from '#api/meta/object.ts';
import type { Answer, Subject } from '../model.ts';

/**
 * Upstream reads bindings out of a hash table: of several that allow, another is named each time.
 * All of one sort are looked at before those of the other, so that the sort counts. A writer has
 * but one binding.
 */
const ALLOWED = /\b(RBAC: allowed by (?:Cluster)?RoleBinding) "(?!writer-).*$/;
/** The errors of one evaluation, in the order of that table. */
const SEVERAL = /\[([^[\]]*not found(?:, [^[\]]*not found)*)\]/g;

/** `subject`, whose answers can be compared. */
export function comparable(subject: Subject): Subject {
  return {
    ...subject,
    ask: async (request) => {
      const answer = await subject.ask(request);
      const isShown =
        request.method !== 'HEAD' && !(answer.status === 200 && isOfPath(request.url));
      return withoutOrder(isShown ? answer : { ...answer, body: '' });
    },
  };
}

/** Of no resource: who may read such a path is asked, and what it shows is not about access. */
function isOfPath(url: string): boolean {
  return !/^\/apis?\/.*\/./.test(url);
}

function withoutOrder(answer: Answer): Answer {
  return { ...answer, body: value(answer.body, '') };
}

/** `k:{"uid":"…"}` of managed fields. */
const UID_KEY = /^(k:\{"uid":")[0-9a-f-]{36}("\})$/;

function value(json: Json, at: string): Json {
  if (typeof json === 'string') return at === 'message' ? sentences(json) : text(json);
  if (Array.isArray(json)) return json.map((item) => value(item, at));
  if (!isJsonObject(json)) return json;
  return Object.fromEntries(
    Object.entries(json).map(([key, member]) => [
      key.replace(UID_KEY, '$1<uid>$2'),
      value(member, key),
    ]),
  );
}

/** Several errors in one message come in the order of a hash table where they are about one. */
function sentences(message: string): string {
  const [, head, errors, tail] = /^(.*?\[)(.*)(\][^\]]*)$/s.exec(message) ?? [];
  if (head === undefined || errors === undefined || tail === undefined) return message;
  return head + errors.split(', ').toSorted().join(', ') + tail;
}

function text(json: string): string {
  return json
    .replace(ALLOWED, '$1')
    .replace(SEVERAL, (_, errors: string) => `[${errors.split(', ').toSorted().join(', ')}]`);
}
