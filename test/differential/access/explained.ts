/** Differences of the second corpus that shall stay, each with its reason. See `../explained.ts`. */
import { isJsonObject } from '#api/meta/json.ts';
import type { Explanation } from '../explained.ts';
import type { Answer } from '../model.ts';

/** The message of a refusal, up to what `text` begins. */
function messageBefore({ body }: Answer, text: string): string {
  const message = isJsonObject(body) ? body['message'] : undefined;
  return typeof message === 'string' ? (message.split(text)[0] ?? '') : '';
}

export const ACCESS_EXPLANATIONS: readonly Explanation[] = [
  {
    why: "upstream's list of groups and its groups (`/apis`, `/apis/apps`) look at no method, all other discovery does; we answer 405 everywhere",
    covers: ({ kind, request, ours, theirs }) =>
      kind === 'rbac/requests' &&
      request.method !== 'GET' &&
      /^\/apis(\/[^/]+)?$/.test(request.url) &&
      ours.status === 405 &&
      theirs.status === 200,
  },
  {
    why: 'upstream says nothing of why a stream by GET is refused, which needs the verb create too; we say it',
    covers: ({ isWording, request, theirs }) =>
      isWording &&
      request.method === 'GET' &&
      /\/pods\/[^/]+\/(exec|attach|portforward)$/.test(request.url) &&
      messageBefore(theirs, '\n').endsWith(' is forbidden: '),
  },
  {
    why: 'upstream shows a diff of its own internal form of a claim behind the sentence that a node may not write all of its status',
    covers: ({ kind, isWording, ours, theirs }) =>
      kind === 'node/references' &&
      isWording &&
      messageBefore(ours, ': @@ ') === messageBefore(theirs, ': @@ '),
  },
];
