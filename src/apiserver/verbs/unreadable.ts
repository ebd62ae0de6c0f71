/**
 * Why a body cannot become an object, in upstream's words.
 *
 * Source: upstream staging/src/k8s.io/apiserver/pkg/endpoints/handlers/rest.go
 * (transformDecodeError, summarizeData) and apimachinery/pkg/runtime/serializer/json/meta.go.
 */
import { badRequest, type StatusError } from '#api/meta/status.ts';
import type { AnyKind } from '#api/kind.ts';

/** How much of a body a message repeats. */
const SUMMARY_BYTES = 30;

/** Upstream reads apiVersion and kind on their own first, into this. */
const TYPE_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** Not even the kind could be read. */
export function unrecognized(kind: AnyKind, bytes: Uint8Array, cause: string): StatusError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind.kind}): ${cause} (${summary(bytes)})`,
  );
}

/** Text that is no JSON, or JSON that is no object. `cause`: Go's words. */
export function unreadableKind(kind: AnyKind, bytes: Uint8Array, cause: string): StatusError {
  return unrecognized(kind, bytes, `couldn't get version/kind; json parse error: ${cause}`);
}

/** The kind was read, the rest does not fit. */
export function unhandled(kind: AnyKind, cause: string): StatusError {
  return badRequest(
    `${kind.kind} in version ${JSON.stringify(kind.version)} cannot be handled as a ${kind.kind}: ${cause}`,
  );
}

/** Go's words for a document that is a `what` (`array`, `string`, …) where an object must be. */
export function noObject(what: string): string {
  return `json: cannot unmarshal ${what} into Go value of type ${TYPE_META}`;
}

function summary(bytes: Uint8Array): string {
  const [first] = bytes;
  if (first === undefined) return '<empty>';
  const encoding = first === 0x7b ? 'utf8' : 'hex';
  const head = Buffer.from(bytes.subarray(0, SUMMARY_BYTES)).toString(encoding);
  return bytes.length > SUMMARY_BYTES ? `${head} ...` : head;
}
