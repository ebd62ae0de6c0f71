/**
 * How an object looks in the other versions of its kind, to the managers that wrote those.
 *
 * Source: upstream v1.36 apimachinery/pkg/util/managedfields/internal/versionconverter.go.
 */
import {
  ForeignConversionError,
  type ForeignVersion,
  type ForeignVersions,
} from '#api/apply/managed-fields.ts';
import type { AnyKind, CustomType } from '#api/kind.ts';
import { KINDS } from '#api/kinds.ts';
import { apiVersionOf, type JsonObject, type KubeObject } from '#api/meta/object.ts';
import { StatusError } from '#api/meta/status.ts';
import { OPTIONAL_KINDS } from '#api/optional-kinds.ts';
import { typeByName } from '#api/schema/schema.ts';
import { messageOf } from '#base/error.ts';

/** The kinds that share their stored objects, by the version that is stored. */
let families: ReadonlyMap<string, readonly AnyKind[]> | undefined;

function familyKey(kind: AnyKind): string {
  const { group, version } = kind.storedAs ?? kind;
  return `${group}/${version}/${kind.storagePrefix}`;
}

function familyOf(kind: AnyKind): readonly AnyKind[] {
  families ??= Map.groupBy([...KINDS, ...OPTIONAL_KINDS], familyKey);
  return families.get(familyKey(kind)) ?? [];
}

/**
 * So many objects are converted by a webhook for one write, each once. It takes two for each version
 * that a manager uses, and some more where an apply removes fields.
 */
const CONVERSIONS_MAX = 100;

/**
 * Runs `work` on the versions of a kind. Where a webhook converts between them, `work` is run again
 * each time an answer of the webhook has come: it must change nothing that it reads.
 */
export async function withForeignVersions<T>(
  kind: AnyKind,
  work: (versions: ForeignVersions) => T,
): Promise<T> {
  const { custom } = kind;
  if (custom?.convert === undefined) return work(foreignVersionsOf(kind));
  const conversions = new Conversions(apiVersionOf(kind), custom);
  for (;;) {
    try {
      return work(conversions.versions);
    } catch (error) {
      if (!(error instanceof MissingConversion)) throw error;
      await conversions.make(error);
    }
  }
}

/** The webhook must be asked before the work can go on. */
class MissingConversion extends Error {
  readonly object: JsonObject;
  readonly apiVersion: string;

  constructor(object: JsonObject, apiVersion: string) {
    super(`Cannot show the object as ${apiVersion}: it has not been converted yet`);
    this.object = object;
    this.apiVersion = apiVersion;
  }

  get key(): string {
    return `${this.apiVersion} ${JSON.stringify(this.object)}`;
  }
}

/** What a webhook has made of the objects of one write. */
class Conversions {
  readonly versions: ForeignVersions;
  readonly #custom: CustomType;
  readonly #known = new Map<string, JsonObject | ForeignConversionError>();

  constructor(apiVersion: string, custom: CustomType) {
    this.#custom = custom;
    this.versions = (wanted) => {
      const other = custom.otherVersion(wanted);
      return (
        other && {
          get type() {
            return other.type;
          },
          toForeign: (object) => this.#converted(object, wanted),
          fromForeign: (object) => this.#converted(object, apiVersion),
        }
      );
    };
  }

  #converted(object: JsonObject, apiVersion: string): JsonObject {
    const missing = new MissingConversion(object, apiVersion);
    const known = this.#known.get(missing.key);
    if (known === undefined) throw missing;
    if (known instanceof ForeignConversionError) throw known;
    return known;
  }

  /** Remembers what the webhook answers, or why it does not. */
  async make({ object, apiVersion, key }: MissingConversion): Promise<void> {
    this.#known.set(key, await this.#ask(object, apiVersion));
  }

  async #ask(object: JsonObject, apiVersion: string): Promise<JsonObject | ForeignConversionError> {
    if (this.#known.size >= CONVERSIONS_MAX)
      return new ForeignConversionError(`more than ${CONVERSIONS_MAX} conversions for one write`);
    try {
      const given = object as unknown as KubeObject;
      const [made] = (await this.#custom.convert?.([given], apiVersion)) ?? [];
      return made as unknown as JsonObject;
    } catch (error) {
      return new ForeignConversionError(causeOf(error));
    }
  }
}

/** Without what the answer to a client says before it. */
function causeOf(error: unknown): string {
  const cause = error instanceof StatusError ? error.status.details?.causes?.[0]?.message : '';
  return cause || messageOf(error);
}

/** Of versions that no longer are, nothing is known. */
function foreignVersionsOf(kind: AnyKind): ForeignVersions {
  const { custom } = kind;
  if (custom !== undefined) return (apiVersion) => custom.otherVersion(apiVersion);
  return (apiVersion) => {
    const other = familyOf(kind).find((one) => apiVersionOf(one) === apiVersion);
    return other && between(kind, other);
  };
}

function between(kind: AnyKind, other: AnyKind): ForeignVersion {
  return {
    type: typeByName(other.schema),
    toForeign: (object) => convert(object, kind, other),
    fromForeign: (object) => convert(object, other, kind),
  };
}

/**
 * `object`, which `from` serves, as `to` serves it: another version of the kind. Changes nothing. A
 * custom resource's webhook may be asked; throws what went wrong with it.
 */
export async function inVersion(
  object: KubeObject,
  from: AnyKind,
  to: AnyKind,
): Promise<KubeObject> {
  if (to.custom === undefined)
    return convert(object as unknown as JsonObject, from, to) as unknown as KubeObject;
  const [converted = object] = (await from.custom?.convert?.([object], apiVersionOf(to))) ?? [];
  return to.custom.fromConverted(converted);
}

function convert(object: JsonObject, from: AnyKind, to: AnyKind): JsonObject {
  const given = object as unknown as KubeObject;
  const stored = from.storedAs?.toStored(given) ?? given;
  const converted = to.storedAs?.fromStored(stored) ?? stored;
  const named = { ...converted, kind: to.kind, apiVersion: apiVersionOf(to) };
  return named as unknown as JsonObject;
}
