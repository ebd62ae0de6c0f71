/**
 * From the text of a manifest to the static pod that it stands for. Pure.
 *
 *   YAML or JSON ─▶ fields ─▶ uid, name, namespace, node ─▶ defaults ─▶ validation ─▶ no references
 *
 * The uid is made of what the file says, of its path and of the node's name, so that it is the same
 * after a restart and another one after a change. Upstream hashes a dump of Go's structs: its uids
 * differ from ours. Upstream: pkg/kubelet/config/common.go (applyDefaults, tryDecodeSinglePod), v1.36.
 */
import { decodeJson, FieldDecodeError } from '#api/codec/json.ts';
import { fromYamlBytes, YamlError } from '#api/codec/yaml.ts';
import { forgetEmpty } from '#api/codec/zero.ts';
import { referencedKind } from '#api/core/pod-references.ts';
import { POD } from '#api/core/pod.ts';
import type { Pod, Toleration } from '#api/gen/core-v1.ts';
import { anyKind } from '#api/kind.ts';
import { isJsonObject } from '#api/meta/json.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { documentTypeOf } from '#api/schema/kind-types.ts';
import { validateObjectMeta } from '#api/validation/metadata.ts';
import { fnv1a128 } from '../fnv.ts';
import { CONFIG_HASH, CONFIG_SOURCE, FILE_SOURCE } from './static-pod.ts';

/** A text that no static pod can be made of. The message says why, for people. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

export interface ManifestPlace {
  /** Absolute path of the file. */
  readonly path: string;
  readonly nodeName: string;
}

/** The pod, and what of the text was not understood (unknown fields, keys that come twice). */
export interface ReadManifest {
  readonly pod: Pod;
  readonly problems: readonly string[];
}

const POD_TYPE = documentTypeOf(anyKind(POD));
const MATCH_ALL: Toleration = { operator: 'Exists', effect: 'NoExecute' };
/** A uid becomes a part of paths. */
const UID = /^[0-9A-Za-z][0-9A-Za-z-]{0,62}$/;

/** Throws a ManifestError. */
export function readManifest(bytes: Uint8Array, place: ManifestPlace): ReadManifest {
  const problems: string[] = [];
  const document = objectIn(bytes, problems);
  checkType(document);
  const pod = decode(document, problems);
  if ((pod.metadata?.name ?? '') === '') throw invalid('name is needed for the pod');
  const made = placed(pod, uidOf(pod, document, place), place);
  POD.setDefaults?.(made);
  forgetEmpty(POD_TYPE, made);
  validate(made);
  const reference = referencedKind(made);
  if (reference !== undefined)
    throw new ManifestError(`static pods may not reference ${reference}`);
  return { pod: made, problems };
}

function invalid(text: string): ManifestError {
  return new ManifestError(`invalid pod: ${text}`);
}

function unparsable(text: string): ManifestError {
  return new ManifestError(`couldn't parse as pod(${text}), please check config file`);
}

function objectIn(bytes: Uint8Array, problems: string[]): JsonObject {
  let document: Json;
  try {
    document = fromYamlBytes(bytes, problems);
  } catch (error) {
    throw error instanceof YamlError ? unparsable(error.message) : error;
  }
  if (isJsonObject(document)) return document;
  if (document === null) throw unparsable("Object 'Kind' is missing in 'null'");
  throw unparsable('it holds no object');
}

function checkType({ apiVersion, kind }: JsonObject): void {
  if (typeof kind !== 'string' || kind === '') throw unparsable("Object 'Kind' is missing");
  if (typeof apiVersion !== 'string' || apiVersion === '')
    throw unparsable("Object 'apiVersion' is missing");
  if (apiVersion !== POD.version || kind !== POD.kind)
    throw unparsable(`invalid pod: it is a ${kind} of ${apiVersion}`);
}

function decode(document: JsonObject, problems: string[]): Pod {
  try {
    const decoded = decodeJson(document, POD_TYPE, 'Warn');
    problems.push(...decoded.problems);
    return decoded.object;
  } catch (error) {
    throw error instanceof FieldDecodeError ? unparsable(error.message) : error;
  }
}

function uidOf(pod: Pod, document: JsonObject, { path, nodeName }: ManifestPlace): string {
  const given = pod.metadata?.uid ?? '';
  if (given === '') return fnv1a128(`${sortedJson(document)}host:${nodeName}file:${path}`);
  if (UID.test(given)) return given;
  throw invalid(`metadata.uid: ${JSON.stringify(given)} must be letters, digits and "-"`);
}

/** JSON that is the same whatever the order of the keys. */
function sortedJson(value: Json): string {
  return JSON.stringify(value, (_, inner: Json) =>
    isJsonObject(inner)
      ? Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** The pod on its node, without what only an API server says of it. */
function placed(pod: Pod, uid: string, { nodeName }: ManifestPlace): Pod {
  const { name = '', namespace, labels, annotations, ...rest } = pod.metadata ?? {};
  const metadata: Pod['metadata'] = {
    name: `${name}-${nodeName}`,
    namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
    uid,
    ...(labels === undefined ? {} : { labels }),
    annotations: { ...annotations, [CONFIG_HASH]: uid, [CONFIG_SOURCE]: FILE_SOURCE },
    ...(rest.finalizers === undefined ? {} : { finalizers: rest.finalizers }),
  };
  const spec = pod.spec ?? { containers: [] };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata,
    spec: { ...spec, nodeName, tolerations: withToleration(spec.tolerations ?? []) },
    status: { phase: 'Pending' },
  };
}

/** It stays when the node has problems. */
function withToleration(tolerations: readonly Toleration[]): Toleration[] {
  const others = tolerations.filter(
    ({ key = '', operator, effect }) =>
      key !== '' || operator !== MATCH_ALL.operator || effect !== MATCH_ALL.effect,
  );
  return [...others, MATCH_ALL];
}

function validate(pod: Pod): void {
  const errors = [
    ...validateObjectMeta(anyKind(POD), pod),
    ...(POD.validate?.(pod) ?? []),
    ...(POD.validateCreate?.(pod) ?? []),
  ];
  if (errors.length === 0) return;
  const texts = [...new Set(errors.map((error) => error.text()))];
  const [first = ''] = texts;
  throw invalid(texts.length === 1 ? first : `[${texts.join(', ')}]`);
}
