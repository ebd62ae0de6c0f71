/**
 * Paths of the group `history.coxswain.dev`: a view, then the path of what it is a view of.
 *
 *   /apis/history.coxswain.dev/v1/revisions/apis/apps/v1/namespaces/default/deployments/web
 *
 * Whether a request may be made is decided about the object itself, by verbs of their own: `history`
 * of deployments "web" in namespace "default", not `get` of something in our group.
 */
import type { AnyKind } from '#api/kind.ts';

const HISTORY_GROUP = 'history.coxswain.dev';
const VERSION = 'v1';
export const HISTORY_API_VERSION = `${HISTORY_GROUP}/${VERSION}`;

/**
 * `objects`: an object or a list as it was; `revisions`: what became of an object, and by whom;
 * `diffs`: one object at two revisions; `undelete`: a deleted object made anew.
 */
export type HistoryView = 'objects' | 'revisions' | 'diffs' | 'undelete';

/** The RBAC verb of each view. */
const VERBS: Readonly<Record<HistoryView, string>> = {
  objects: 'history',
  revisions: 'history',
  diffs: 'diff',
  undelete: 'undelete',
};

const KINDS_OF_VIEWS: Readonly<Record<HistoryView, string>> = {
  objects: 'HistoricObject',
  revisions: 'ObjectHistory',
  diffs: 'ObjectDiff',
  undelete: 'Undeletion',
};

const PATH = new RegExp(
  `^/apis/${HISTORY_GROUP.replaceAll('.', '\\.')}/${VERSION}/([a-z]+)(/apis?/.+)$`,
);

/** The view, its verb, and the path that it is a view of. Undefined for every other path. */
export function historyPathOf(
  path: string,
): { readonly view: HistoryView; readonly verb: string; readonly rest: string } | undefined {
  const [, view = '', rest = ''] = PATH.exec(path) ?? [];
  // There is no history of the history.
  const isOwn = rest.startsWith(`/apis/${HISTORY_GROUP}/`);
  return isView(view) && !isOwn ? { view, verb: VERBS[view], rest } : undefined;
}

function isView(text: string): text is HistoryView {
  return Object.hasOwn(VERBS, text);
}

/** What discovery says of the group. Nothing of it is listed or watched. */
export const HISTORY_KINDS: readonly AnyKind[] = Object.entries(KINDS_OF_VIEWS).map(
  ([plural, kind]) => ({
    group: HISTORY_GROUP,
    version: VERSION,
    kind,
    listKind: `${kind}List`,
    plural,
    singular: '',
    namespaced: false,
    verbs: [plural === 'undelete' ? 'create' : 'get'],
    shortNames: [],
    categories: [],
    schema: '',
    storagePrefix: '',
  }),
);
