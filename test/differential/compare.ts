/** Compares two answers, and names each difference so that those of one cause have one name. */
import { goText, isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import type { Answer, Case, CaseRequest, Cause } from './model.ts';

export interface Difference {
  readonly id: string;
  readonly kind: string;
  /** What differs, without the values of this one case: differences of one cause share them. */
  readonly groups: readonly string[];
  /** Only messages for people differ. */
  readonly isWording: boolean;
  readonly request: CaseRequest;
  readonly ours: Answer;
  readonly theirs: Answer;
}

/** Undefined when the answers to `entry` are equal. Of several requests the first that differs counts. */
export function compare(
  entry: Case,
  ours: readonly Answer[],
  theirs: readonly Answer[],
): Difference | undefined {
  for (const [index, request] of entry.requests.entries()) {
    const [left, right] = [ours[index], theirs[index]];
    if (left === undefined || right === undefined) continue;
    const hard = differences(left, right);
    const soft = hard.length > 0 ? [] : wordings(left, right);
    if (hard.length + soft.length === 0) continue;
    return {
      id: entry.id,
      kind: entry.kind,
      groups: [...new Set([...hard, ...soft])].map((group) => `${entry.kind}: ${group}`),
      isWording: hard.length === 0,
      request,
      ours: left,
      theirs: right,
    };
  }
  return undefined;
}

function differences(ours: Answer, theirs: Answer): string[] {
  const found = headers(ours, theirs);
  if (ours.status !== theirs.status) {
    const causes = theirs.status === 422 ? causeKeys(theirs) : causeKeys(ours);
    const why =
      causes.size === 0 ? [shortMessage(theirs.status >= 400 ? theirs : ours)] : [...causes];
    return why.map((cause) => `${ours.status} instead of ${theirs.status}: ${cause}`);
  }
  if (theirs.status >= 400) return [...found, ...refusals(ours, theirs)];
  return [...found, ...paths(ours.body, theirs.body, '').map((path) => `object ${path}`)];
}

function headers(ours: Answer, theirs: Answer): string[] {
  const names = new Set([...Object.keys(ours.headers), ...Object.keys(theirs.headers)]);
  return [...names]
    .filter((name) => sorted(ours.headers[name]) !== sorted(theirs.headers[name]))
    .map(
      (name) =>
        `header ${name}: ${headerText(ours.headers[name])} instead of ${headerText(theirs.headers[name])}`,
    );
}

function headerText(value: string | undefined): string {
  return value === undefined ? 'none' : value.slice(0, 160);
}

/** Warnings may come in any order. */
function sorted(value: string | undefined): string | undefined {
  return value
    ?.split(/, (?=299 - )/)
    .toSorted()
    .join(', ');
}

function refusals(ours: Answer, theirs: Answer): string[] {
  const [left, right] = [statusOf(ours), statusOf(theirs)];
  if (left === undefined || right === undefined)
    return left === right ? [] : [`${theirs.status} as a Status or not`];
  if (left['reason'] !== right['reason'])
    return [
      `reason ${goText(left['reason'] ?? null)} instead of ${goText(right['reason'] ?? null)}`,
    ];
  const [mine, other] = [causeKeys(ours), causeKeys(theirs)];
  const missing = [...other]
    .filter((key) => !mine.has(key))
    .map((key) => `${theirs.status} cause missing: ${key}`);
  const extra = [...mine]
    .filter((key) => !other.has(key))
    .map((key) => `${theirs.status} cause extra: ${key}`);
  return [...missing, ...extra, ...details(left, right)];
}

function details(left: JsonObject, right: JsonObject): string[] {
  const strip = (status: JsonObject): Json => {
    const { causes: _, ...rest } = isJsonObject(status['details'] ?? null)
      ? (status['details'] as JsonObject)
      : {};
    return rest;
  };
  return paths(strip(left), strip(right), 'details').map((path) => `Status ${path}`);
}

function wordings(ours: Answer, theirs: Answer): string[] {
  const [left, right] = [statusOf(ours), statusOf(theirs)];
  if (theirs.status < 400) return [];
  if (left === undefined || right === undefined)
    return JSON.stringify(ours.body) === JSON.stringify(theirs.body) ? [] : ['wording of a text'];
  const [mine, other] = [causesOf(ours), causesOf(theirs)].map((causes) =>
    causes.map((cause) => ({ ...cause, message: comparable(cause.message) })),
  ) as [Cause[], Cause[]];
  const texts = new Set(mine.map((cause) => `${cause.field}: ${cause.message}`));
  const found = other.filter((cause) => !texts.has(`${cause.field}: ${cause.message}`));
  if (found.length > 0)
    return found.map((cause) => `wording of ${cause.reason} ${shapeOf(cause.field)}`);
  return comparable(textOf(left['message'])) === comparable(textOf(right['message']))
    ? []
    : [`wording of the message of ${theirs.status}`];
}

/** A volume of pods has a source more with a distribution; in a diff that moves the lines too. */
const ADDED_SOURCE =
  /^([-+ ]) {5}\{\n(?:\1.*\n){1,6}?\1 {7}"Name": "[\w-]*service-ca\.crt",\n(?:\1.*\n)*?\1 {5}\},?\n/gm;

/** A message without the versions of the moment, and without what a distribution adds. */
function comparable(message: string): string {
  const plain = message
    .replace(/(Too large resource version: \d+, current: )\d+/, '$1<version>')
    .replace(/(in record \()\d+\)/, '$1<version>)');
  if (!plain.includes('"kube-api-access-')) return plain;
  // The last source has no comma behind it, whichever it is.
  return plain
    .replaceAll(ADDED_SOURCE, '')
    .replace(/^(.) {5}\},\n\1 {4}\]/gm, '$1     }\n$1    ]')
    .replace(/^@@ .* @@$/gm, '@@');
}

/** A string; anything else counts as none. */
function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

export function causesOf(answer: Answer): Cause[] {
  const details = statusOf(answer)?.['details'];
  const causes = isJsonObject(details) ? details['causes'] : undefined;
  if (!Array.isArray(causes)) return [];
  return causes.filter(isJsonObject).map((cause) => ({
    reason: textOf(cause['reason']),
    field: textOf(cause['field']),
    message: textOf(cause['message']),
  }));
}

/** `FieldValueInvalid spec.containers[].name`, once for each. */
export function causeKeys(answer: Answer): Set<string> {
  return new Set(causesOf(answer).map(({ reason, field }) => `${reason} ${shapeOf(field)}`));
}

/** The path without the places in lists and the keys of maps. */
function shapeOf(field: string): string {
  return field.replace(/\[[^\]]*\]/g, '[]');
}

function statusOf({ body }: Answer): JsonObject | undefined {
  return isJsonObject(body) && body['kind'] === 'Status' ? body : undefined;
}

function shortMessage({ body }: Answer): string {
  const message = isJsonObject(body) && typeof body['message'] === 'string' ? body['message'] : '';
  return message
    .replace(/"[^"]*"/g, '"…"')
    .replace(/\d+/g, '0')
    .slice(0, 100);
}

const PATHS_MAX = 12;

/** Where two values differ, each place by its shape. */
function paths(ours: Json | undefined, theirs: Json | undefined, at: string): string[] {
  if (JSON.stringify(ours) === JSON.stringify(theirs)) return [];
  if (ours === undefined) return [`${at} missing`];
  if (theirs === undefined) return [`${at} extra`];
  if (Array.isArray(ours) && Array.isArray(theirs)) {
    if (ours.length !== theirs.length) return [`${at} has another length`];
    return unique(ours.flatMap((item, index) => paths(item, theirs[index], `${at}[]`)));
  }
  if (!isJsonObject(ours) || !isJsonObject(theirs)) return [`${at} differs`];
  const keys = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])];
  return unique(
    keys.flatMap((key) => paths(ours[key], theirs[key], at === '' ? key : `${at}.${key}`)),
  );
}

function unique(found: readonly string[]): string[] {
  return [...new Set(found)].slice(0, PATHS_MAX);
}
