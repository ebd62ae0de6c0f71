/**
 * The JSON patch of a mutating webhook, applied: decoded and with defaults again.
 *
 * Upstream: admission/plugin/webhook/mutating/dispatcher.go (callAttrMutatingHook).
 */
import type { AnyKind } from '#api/kind.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { internalError } from '#api/meta/status.ts';
import { applyJsonPatch, JsonPatchError, parseJsonPatch } from '#api/patch/json-patch.ts';
import { messageOf } from '#base/error.ts';
import { type Patched, patchedObject } from '../patched.ts';
import { CallingWebhookError } from './errors.ts';

const UNAVAILABLE = 503;

/** The operations of a patch; none where it is empty. Throws CallingWebhookError for what is none. */
export function readPatch(webhook: string, text: string): Json[] {
  if (text === '') return [];
  let cause = 'json: cannot unmarshal object into Go value of type jsonpatch.Patch';
  try {
    const parsed = JSON.parse(text) as Json;
    if (parsed === null) return [];
    if (Array.isArray(parsed)) return parsed;
  } catch (error) {
    cause = messageOf(error);
  }
  throw new CallingWebhookError(
    webhook,
    `received undecodable patch in webhook response: ${cause}`,
    { code: UNAVAILABLE },
  );
}

/** `before`, which is of `kind`, after `operations`. Throws 500 where that makes no such object. */
export function applyOperations(
  operations: readonly Json[],
  before: JsonObject,
  kind: AnyKind,
): Patched {
  try {
    const value = applyJsonPatch(before, parseJsonPatch(operations)) as JsonObject;
    return patchedObject(value, before, { kind, validation: 'Ignore' });
  } catch (error) {
    if (error instanceof JsonPatchError) throw internalError(error.message);
    throw internalError(messageOf(error));
  }
}
