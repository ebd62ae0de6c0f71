/**
 * The object of a request while webhooks and policies change it, each in the version that it wants.
 *
 * Upstream: apiserver/pkg/admission/conversion.go (VersionedAttributes).
 */
import { decodeEntries } from '#api/apply/entries.ts';
import type { AnyKind } from '#api/kind.ts';
import type { Json, JsonObject } from '#api/meta/object.ts';
import { internalError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { type ApiObject, metadataOf } from '../api-object.ts';
import { inVersion } from '../verbs/foreign-versions.ts';
import type { RequestView } from './matching/request.ts';
import { asJson, shownAs } from './matching/versions.ts';

export class MutableObject {
  readonly #view: RequestView;
  #kind: AnyKind;
  /** Of `#kind`. */
  #object: ApiObject | undefined;
  /** `#object` is newer than what the request has. */
  #isDirty = false;

  constructor(view: RequestView) {
    this.#view = view;
    this.#kind = view.kind;
    this.#object = view.attributes.object;
  }

  /** As it is by now, in whatever version. */
  get current(): ApiObject | undefined {
    return this.#object;
  }

  /** Object and old object as `kind`. Throws 500 where they cannot be converted. */
  async shownAs(
    kind: AnyKind,
  ): Promise<{ readonly object: JsonObject | undefined; readonly old: JsonObject | undefined }> {
    const { attributes, kind: own } = this.#view;
    try {
      if (kind !== this.#kind && this.#object !== undefined) {
        await this.#write();
        const { object } = attributes;
        this.#object =
          kind === own || object === undefined
            ? object
            : ((await inVersion(object, own, kind)) as ApiObject);
        this.#kind = kind;
      }
      const old = await shownAs(attributes.old, own, kind);
      return { object: this.#object && asJson(this.#object, kind), old };
    } catch (error) {
      throw internalError(messageOf(error));
    }
  }

  /** Puts what was made of it in place; it is of the kind that was shown last. */
  set(object: ApiObject): void {
    this.#object = object;
    this.#isDirty = true;
  }

  /** The request has what was made. Managers that nobody could read are those from before. */
  async finish(): Promise<void> {
    const { attributes } = this.#view;
    const { object } = attributes;
    if (!this.#isDirty || object === undefined) return;
    const { managedFields: before } = metadataOf(object);
    try {
      await this.#write();
    } catch (error) {
      throw internalError(messageOf(error));
    }
    const metadata = metadataOf(object);
    try {
      decodeEntries(metadata.managedFields as Json | undefined);
    } catch (error) {
      if (before === undefined) delete metadata.managedFields;
      else metadata.managedFields = before;
      attributes.warn(
        `.metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: ${messageOf(error)}`,
      );
    }
  }

  /** In place: whoever called has this very object. */
  async #write(): Promise<void> {
    const { object: target } = this.#view.attributes;
    if (!this.#isDirty || target === undefined || this.#object === undefined) return;
    const { kind: own } = this.#view;
    const made = this.#kind === own ? this.#object : await inVersion(this.#object, this.#kind, own);
    for (const name of Object.keys(target)) delete target[name];
    Object.assign(target, made);
    this.#isDirty = false;
    if (this.#kind === own) this.#object = target;
  }
}
