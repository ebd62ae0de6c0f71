/**
 * Paths of the group `why.coxswain.dev`: `explanations`, then the path of what is to be explained.
 *
 *   /apis/why.coxswain.dev/v1/explanations/api/v1/namespaces/default/pods/web
 *
 * Whoever may get the object may ask; what the explanation looks at beside it is read with the rights
 * of whoever asks.
 */
import type { AnyKind } from '#api/kind.ts';

const GROUP = 'why.coxswain.dev';
const VERSION = 'v1';
const PLURAL = 'explanations';
export const WHY_API_VERSION = `${GROUP}/${VERSION}`;
const PREFIX = `/apis/${GROUP}/${VERSION}/${PLURAL}`;

/** The path of what is to be explained; undefined for every other path. */
export function explainedPath(path: string): string | undefined {
  if (!path.startsWith(`${PREFIX}/api`)) return undefined;
  const rest = path.slice(PREFIX.length);
  // Nothing explains an explanation.
  return /^\/apis?\//.test(rest) && !rest.startsWith(`/apis/${GROUP}/`) ? rest : undefined;
}

/** What discovery says of the group. */
export const WHY_KIND: AnyKind = {
  group: GROUP,
  version: VERSION,
  kind: 'Explanation',
  listKind: 'ExplanationList',
  plural: PLURAL,
  singular: '',
  namespaced: false,
  verbs: ['get'],
  shortNames: [],
  categories: [],
  schema: '',
  storagePrefix: '',
};
