/**
 * The paths of a custom resource in the v2 document, as text.
 *
 * Resources with the same verbs, scope and subresources differ in names alone, and a server may
 * have thousands: their text is made once, with marks where the names stand.
 */
import { type AnyKind, listSchemaOf } from '#api/kind.ts';
import type { JsonObject } from '#api/meta/object.ts';
import { subresourcesOf } from '../discovery/subresources.ts';
import { withCbor } from './cbor.ts';
import { pathItemV2 } from './convert-v2.ts';
import { CUSTOM_MEDIA, pathsOfCustomKind } from './custom-paths.ts';
import { groupTitle, type Scope, tagOf } from './paths.ts';
import { REF } from './schemas.ts';

/** The parts of a text, and what stands between each two of them. */
interface Template {
  readonly texts: readonly string[];
  readonly marks: readonly Mark[];
}

/** Names that occur nowhere else, each with the name that takes its place. */
const MARKS = {
  xroot0x: (scope: PathScope) => scope.root,
  Xscope0x: ({ group }: PathScope) => groupTitle(group),
  xscope0x: ({ group }: PathScope) => tagOf(group),
  xgroup0x: ({ group }: PathScope) => group,
  Xversion0x: ({ version }: PathScope) => version.charAt(0).toUpperCase() + version.slice(1),
  xversion0x: ({ version }: PathScope) => version,
  Xkind0x: (_: PathScope, kind: AnyKind) => kind.kind,
  xplural0x: (_: PathScope, kind: AnyKind) => kind.plural,
  'xmodel0x.Xlist0x': (_: PathScope, kind: AnyKind) => listSchemaOf(kind),
  'xmodel0x.Xobject0x': (_: PathScope, kind: AnyKind) => kind.schema,
} as const;

type Mark = keyof typeof MARKS;
export type PathScope = Omit<Scope, 'ref'>;

const ANY_MARK = new RegExp(`(${Object.keys(MARKS).join('|')})`);

/** One for each kind of resource, of which there are a handful: verbs, scope, subresources. */
const templates = new Map<string, readonly (readonly [path: Template, item: Template])[]>();
const TEMPLATES_MAX = 64;

/** Each path, and its item as JSON. */
export function* customPathTexts(
  scope: PathScope,
  kind: AnyKind,
  { cbor = false }: { readonly cbor?: boolean },
): Generator<readonly [path: string, item: string]> {
  const names = new Map<Mark, string>();
  const nameOf = (mark: Mark): string => {
    let name = names.get(mark);
    if (name === undefined) names.set(mark, (name = MARKS[mark](scope, kind)));
    return name;
  };
  for (const [path, item] of templatesFor(kind, cbor))
    yield [filled(path, nameOf), filled(item, nameOf)];
}

function filled({ texts, marks }: Template, nameOf: (mark: Mark) => string): string {
  let text = texts[0] ?? '';
  for (const [i, mark] of marks.entries()) text += nameOf(mark) + (texts[i + 1] ?? '');
  return text;
}

function templatesFor(kind: AnyKind, cbor: boolean) {
  const { namespaced, verbs, returnsDeletedObject } = kind;
  const subresources = subresourcesOf(kind).map(({ name }) => name);
  const key = JSON.stringify([namespaced, verbs, returnsDeletedObject, subresources, cbor]);
  let made = templates.get(key);
  if (made === undefined) {
    if (templates.size >= TEMPLATES_MAX) templates.clear();
    templates.set(key, (made = makeTemplates(kind, cbor)));
  }
  return made;
}

function makeTemplates(kind: AnyKind, cbor: boolean) {
  const scope: Scope = {
    group: 'xscope0x',
    version: 'xversion0x',
    root: 'xroot0x',
    ref: (name) => ({ $ref: `${REF}${name}` }),
  };
  const marked: AnyKind = {
    ...kind,
    group: 'xgroup0x',
    version: 'xversion0x',
    kind: 'Xkind0x',
    listKind: 'Xlist0x',
    plural: 'xplural0x',
    schema: 'xmodel0x.Xobject0x',
  };
  const paths: JsonObject = Object.fromEntries(pathsOfCustomKind(scope, marked));
  return Object.entries(cbor ? withCbor(paths) : paths).map(([path, item]) => {
    const text = JSON.stringify(pathItemV2(item as JsonObject, CUSTOM_MEDIA));
    return [templateOf(path), templateOf(text)] as const;
  });
}

function templateOf(text: string): Template {
  const parts = text.split(ANY_MARK);
  return {
    texts: parts.filter((_, i) => i % 2 === 0),
    marks: parts.filter((_, i) => i % 2 === 1) as Mark[],
  };
}
