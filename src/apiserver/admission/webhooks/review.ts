/**
 * AdmissionReview: what a webhook is asked, and what its answer means.
 *
 * Source: API reference admission/v1; upstream admission/plugin/webhook/request/admissionreview.go.
 */
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';

const GROUP = 'admission.k8s.io';
const KIND = 'AdmissionReview';
const VERSIONS: readonly string[] = ['v1', 'v1beta1'];

export interface AdmissionReview extends JsonObject {
  readonly kind: string;
  readonly apiVersion: string;
  readonly request: JsonObject;
}

/** In the first version that the webhook and the server both know; undefined: there is none. */
export function reviewVersion(accepted: readonly string[]): string | undefined {
  return accepted.find((version) => VERSIONS.includes(version));
}

export function reviewOf(
  version: string,
  request: JsonObject,
  about: {
    readonly uid: string;
    readonly object: JsonObject | undefined;
    readonly old: JsonObject | undefined;
  },
): AdmissionReview {
  const { uid, object = null, old = null } = about;
  return {
    kind: KIND,
    apiVersion: `${GROUP}/${version}`,
    request: { uid, ...request, object, oldObject: old },
  };
}

/** What a webhook has answered. */
export interface ReviewAnswer {
  readonly allowed: boolean;
  /** A JSON patch as text; empty for none. */
  readonly patch: string;
  readonly result: JsonObject | undefined;
  readonly auditAnnotations: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Throws an error that says why `answer` is none to the review. */
export function readAnswer(
  answer: Json,
  { apiVersion, request }: AdmissionReview,
  isMutating: boolean,
): ReviewAnswer {
  const review = objectOf(answer, 'AdmissionReview');
  const isV1 = apiVersion === `${GROUP}/v1`;
  checkVersion(review, apiVersion);
  const response = objectOf(review['response'] ?? null, 'AdmissionReview.response');
  if (review['response'] === undefined || review['response'] === null)
    throw new Error('webhook response was absent');
  const uid = stringOf(response, 'uid');
  if (isV1 && uid !== request['uid'])
    throw new Error(
      `expected response.uid=${JSON.stringify(request['uid'])}, got ${JSON.stringify(uid)}`,
    );
  if (isV1) checkKind(review, apiVersion);
  return {
    allowed: booleanOf(response, 'allowed'),
    patch: patchOf(response, { isV1, isMutating }),
    result: response['status'] === undefined ? undefined : objectOf(response['status'], 'status'),
    auditAnnotations: textsOf(response),
    warnings: warningsOf(response),
  };
}

/** Another version of the review is another type, which cannot be read as this one. */
function checkVersion({ kind, apiVersion }: JsonObject, wanted: string): void {
  if (kind !== KIND || apiVersion === wanted || typeof apiVersion !== 'string') return;
  const [given, expected] = [apiVersion, wanted].map((one) => one.split('/').at(-1) ?? '');
  if (apiVersion.startsWith(`${GROUP}/`) && VERSIONS.includes(given ?? ''))
    throw new Error(
      `converting (${given}.AdmissionReview) to (${expected}.AdmissionReview): unknown conversion`,
    );
}

function checkKind({ kind, apiVersion }: JsonObject, wanted: string): void {
  if (kind === KIND && apiVersion === wanted) return;
  const given = typeof apiVersion === 'string' && apiVersion !== '' ? apiVersion : '/';
  throw new Error(
    `expected webhook response of ${wanted}, Kind=${KIND}, got ${given.includes('/') ? given : `/${given}`}, Kind=${typeof kind === 'string' ? kind : ''}`,
  );
}

/** Patches of v1 say their type; those of v1beta1 are always JSON patches. */
function patchOf(
  response: JsonObject,
  { isV1, isMutating }: { readonly isV1: boolean; readonly isMutating: boolean },
): string {
  const patch = bytesOf(response, 'patch');
  const { patchType = null } = response;
  const type = patchType === null ? undefined : stringOf(response, 'patchType');
  if (!isV1) return isMutating ? patch : '';
  if (!isMutating) {
    if (patch !== '') throw new Error('validating webhook may not return response.patch');
    if (type !== undefined) throw new Error('validating webhook may not return response.patchType');
    return '';
  }
  if (patch !== '' && type === undefined)
    throw new Error('webhook returned response.patch but not response.patchType');
  if (patch === '' && type !== undefined)
    throw new Error('webhook returned response.patchType but not response.patch');
  if (type === '') throw new Error('webhook returned invalid response.patchType of ""');
  if (type !== undefined && type !== 'JSONPatch')
    throw new UnsupportedPatchType(`unsupported patch type ${JSON.stringify(type)}`);
  return patch;
}

/** Upstream finds it later than other faults, and words it otherwise. */
export class UnsupportedPatchType extends Error {}

const WRONG = (what: string, type: string): Error =>
  new Error(
    `json: cannot unmarshal into Go struct field AdmissionResponse.${what} of type ${type}`,
  );

function objectOf(value: Json, what: string): JsonObject {
  if (value === null) return {};
  if (!isJsonObject(value)) throw WRONG(what, 'object');
  return value;
}

function stringOf(object: JsonObject, name: string): string {
  const value = object[name] ?? '';
  if (typeof value !== 'string') throw WRONG(name, 'string');
  return value;
}

function booleanOf(object: JsonObject, name: string): boolean {
  const value = object[name] ?? false;
  if (typeof value !== 'boolean') throw WRONG(name, 'bool');
  return value;
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function bytesOf(object: JsonObject, name: string): string {
  const text = stringOf(object, name).replace(/[\r\n]/g, '');
  if (!BASE64.test(text)) throw new Error('illegal base64 data');
  return Buffer.from(text, 'base64').toString();
}

function textsOf({ auditAnnotations = null }: JsonObject): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [key, value] of Object.entries(objectOf(auditAnnotations, 'auditAnnotations'))) {
    if (typeof value !== 'string') throw WRONG('auditAnnotations', 'string');
    texts[key] = value;
  }
  return texts;
}

function warningsOf({ warnings = null }: JsonObject): string[] {
  if (warnings === null) return [];
  if (!Array.isArray(warnings)) throw WRONG('warnings', '[]string');
  return warnings.map((warning) => {
    if (typeof warning !== 'string') throw WRONG('warnings', 'string');
    return warning;
  });
}
