/**
 * A kind as data: everything that is true of one kind of object, in one place.
 *
 * The API server has one implementation of each verb; what differs between kinds is in the value
 * that `defineKind` makes (one file a kind, `src/api/<group>/<kind>.ts`). `src/api/kinds.ts` lists
 * them all. Nothing here does I/O: clocks and allocators are the API server's.
 */
import type { ForeignVersion } from './apply/updater.ts';
import type { HonouredGate } from './features/feature-gates.ts';
import type { FieldError } from './meta/field.ts';
import type { JsonObject, KubeObject } from './meta/object.ts';
import type { TypeSchema } from './schema/types.ts';

export type Verb =
  | 'create'
  | 'delete'
  | 'deletecollection'
  | 'get'
  | 'list'
  | 'patch'
  | 'update'
  | 'watch';

export const ALL_VERBS: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** One column of a Table (`kubectl get`). Upstream: pkg/printers/internalversion/printers.go. */
export interface Column<T> {
  readonly name: string;
  readonly type?: 'string' | 'integer' | 'number' | 'date' | 'boolean';
  readonly format?: 'name';
  /** 0 is always shown, 1 with `-o wide`. */
  readonly priority?: 0 | 1;
  readonly description?: string;
  /** `nowMs`: the server's time, for ages. A cell may be a string, a number or a boolean. */
  cell(object: T, nowMs: number): string | number | boolean | null;
}

/** What a write's strategy may know beside the object. */
export interface WriteContext {
  readonly nowMs: number;
  /** A fresh UUID. */
  uuid(): string;
  /** Tells the writer something beside the answer. */
  warn(text: string): void;
  /** Who writes. */
  readonly user: {
    readonly name: string;
    readonly groups: readonly string[];
    readonly uid?: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
}

/**
 * A subresource that is a view of the object itself: a PUT or PATCH to it may change only what it
 * shows. Subresources that act (exec, log, binding, eviction, token) are the API server's.
 */
export interface ViewSubresource<T> {
  readonly name: string;
  /** Copies into `next` (the client's object) all that this view may not change, from `old`. */
  keep(next: T, old: T, context: WriteContext): void;
  validate?(next: T, old: T): FieldError[];
}

/** The scale subresource (autoscaling/v1 Scale) as paths into the object. */
export interface ScalePaths<T> {
  /** Replicas are undefined where the object of a custom kind does not say how many it wants. */
  get(object: T): { replicas: number | undefined; statusReplicas: number; selector: string };
  set(object: T, replicas: number): void;
  /** Of each version of the kind (`apps/v1`), where the replicas are; undefined without a scale. */
  readonly replicasPaths: ReadonlyMap<string, readonly string[] | undefined>;
  /** Of custom kinds: the path that objects may not have, as their definition says it. */
  readonly customPath?: string;
}

/** A right that a part of a write takes beyond that to the request, with the same verb. */
export interface NeededPermission {
  /** Of the resource that is written: it is there for authorization alone. */
  readonly subresource: string;
  /** Whether it is asked for in the namespace of the object, or for all of them. */
  readonly inNamespace: boolean;
  readonly name: string;
  /** What stands before the verb: one of these is enough. */
  readonly verbPrefixes: readonly string[];
  /** `verbs`: that were asked for; `reason`: why the first was refused. */
  error(verbs: readonly string[], reason: string): FieldError;
}

/** What else the namespace must say, and the error when it does not. */
export interface NamespaceLabel {
  readonly key: string;
  readonly value: string;
  readonly error: FieldError;
}

/** What a custom resource has instead of a type in the field table. */
export interface CustomType {
  /** The object as field management and patches see it, made of its structural schema. */
  readonly fields: TypeSchema;
  /**
   * Drops from `object` what the schema does not know, and nulls that it does not allow unless they
   * are to be kept. Answers the paths of the unknown: `spec.foo`. Throws 400.
   */
  prune(object: JsonObject, options?: { readonly keepNulls?: boolean }): readonly string[];
  /** The version that is stored: `stable.example.com/v1`. */
  readonly storedApiVersion: string;
  /**
   * Set when something else than the server converts between versions: `objects`, none of which is
   * of `apiVersion`, in that version, in order. Changes nothing.
   */
  convert?(objects: readonly KubeObject[], apiVersion: string): Promise<KubeObject[]>;
  /** How objects look in another version of the definition; undefined where it has none such. */
  otherVersion(apiVersion: string): ForeignVersion | undefined;
  /** Objects written from this revision on lie in the store as this kind serves them. */
  readonly storedSince: number;
  /** The definition is being deleted: nothing new is made. */
  readonly isTerminating: boolean;
  /** Another text whenever what is published of the kind changes. */
  readonly identity: string;
  /** The models of the object and of a list of them. They may refer to models of the field table. */
  openApi(form: 'v2' | 'v3'): { readonly schema: JsonObject; readonly listSchema: JsonObject };
  /** A stored object as its own version has it: pruned, with that version's defaults. Changes nothing. */
  readStored(object: KubeObject): KubeObject;
  /** As this version serves what has been converted to it: pruned. Changes nothing. */
  fromConverted(object: KubeObject): KubeObject;
  /**
   * The served object of a stored one that is older, or of another version that needs no `convert`;
   * changes nothing.
   */
  fromStored(object: KubeObject): KubeObject;
  /** Set where another version is stored: drops from `object` what that one does not know. */
  pruneForStorage?(object: KubeObject): void;
}

export interface KindDefinition<T extends KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  /** Lower-case kind unless given. */
  readonly singular?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  readonly verbs?: readonly Verb[];
  /** The field table's name of the type: `io.k8s.api.core.v1.Pod`. Empty for custom resources. */
  readonly schema: string;
  readonly custom?: CustomType;
  /**
   * Where objects lie in the store: `/registry/<storagePrefix>/…`. The plural unless given (upstream
   * has its history: `services/specs`, `minions`).
   */
  readonly storagePrefix?: string;
  /** Fields behind gates that are off (`meta/gated-fields.ts`): dropped before validation. */
  readonly gatedFields?: readonly string[];
  /** A gate that is off by default, those of `gatedFields` that it lets in, and their defaults. */
  readonly openedByGate?: {
    readonly gate: HonouredGate;
    readonly fields: readonly string[];
    setDefaults(object: T): void;
  };
  /**
   * Set when several versions of a kind share their stored objects: the definition of the version
   * that is stored, and the way there and back. Both change nothing of their argument.
   */
  readonly storedAs?: {
    readonly group: string;
    readonly version: string;
    /** The field table's name of the stored type. */
    readonly schema: string;
    toStored(object: KubeObject): KubeObject;
    fromStored(object: KubeObject): KubeObject;
  };
  /** `status` is a subresource: writes to the object keep the old status, and the other way round. */
  readonly hasStatus?: boolean;
  readonly scale?: ScalePaths<T>;
  readonly views?: readonly ViewSubresource<T>[];
  /** `metadata.generation` counts changes outside metadata and status. True when `spec` exists. */
  readonly countsGeneration?: boolean;
  /** Of an update: what may not change is told before what is wrong with the object. */
  readonly tellsChangesFirst?: boolean;
  /** Annotations that stand for fields of the stored form: a view of metadata alone lacks them. */
  readonly fieldAnnotations?: readonly string[];
  /** The order of the rows of a Table, where it is not that of names. */
  readonly tableOrder?: (left: T, right: T) => number;
  /** Upstream reads it out of its store, not out of a watch cache: a few answers differ. */
  readonly uncached?: boolean;
  /** Changes of fields that a gate hides count too, though they are dropped. */
  readonly countsGatedFields?: boolean;
  readonly columns?: readonly Column<T>[];
  /** Field selectors beyond metadata.name and metadata.namespace. */
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  /** Upstream allows create by PUT for a few kinds. */
  readonly createOnUpdate?: boolean;
  /** An update without resourceVersion is allowed (upstream AllowUnconditionalUpdate). */
  readonly unconditionalUpdate?: boolean;
  /** Upstream checks no more of the metadata than of custom resources': finalizers of any name. */
  readonly hasFreeFinalizers?: boolean;
  /** `metadata.name` rules; DNS subdomain unless given. Answers upstream's messages. */
  validateName?(name: string, prefix: boolean): string[];
  /** Fills in what the client left out. Runs on every decode of this version. Changes `object`. */
  setDefaults?(object: T): void;
  /** Before defaults are validated and admitted: clears what clients may not set. Changes `object`. */
  prepareForCreate?(object: T, context: WriteContext): void;
  prepareForUpdate?(next: T, old: T, context: WriteContext): void;
  validate?(object: T): FieldError[];
  /** Beyond `validate`, on create only. */
  validateCreate?(object: T): FieldError[];
  /** Beyond `validate`, which also runs on update. `warn` hears of what is let through. */
  validateUpdate?(next: T, old: T, warn?: (text: string) => void): FieldError[];
  validateStatus?(next: T, old: T, context: WriteContext): FieldError[];
  prepareForStatusUpdate?(next: T, old: T, context: WriteContext): void;
  /** A label that the namespace must have for what the object asks for. `old`: on an update. */
  namespaceLabelNeeded?(next: T, old: T | undefined): NamespaceLabel | undefined;
  /** What a write of the status takes, by what it changes. */
  permissionsNeeded?(next: T, old: T, user: WriteContext['user']): readonly NeededPermission[];
  /** Names that the server makes are `generateName` and nothing else. */
  readonly keepsPrefix?: boolean;
  /** Warnings (not errors) for the client: 120 characters at most each. */
  warn?(object: T, old?: T): string[];
  /**
   * Graceful deletion (pods): the grace in seconds to use when a DELETE asks for `asked`
   * (undefined: not said), or undefined when the object goes away at once.
   */
  gracefulDeletion?(object: T, asked: number | undefined): number | undefined;
  /** Finalizers that lie elsewhere than in the metadata: they hold an object like those there. */
  ownFinalizers?(object: T): readonly string[];
  /** A finalizer that an object gets when its deletion begins: something must be done first. */
  readonly deletionFinalizer?: string;
  /** When a deletion begins that finalizers hold: what the status says then. Changes `object`. */
  prepareForDeletion?(object: T): void;
  /** Objects go away by themselves, so long after their last write. The server may say otherwise. */
  readonly timeToLiveSeconds?: number;
  /** A DELETE that removes the object answers with it, not with a Status (upstream's history). */
  readonly returnsDeletedObject?: boolean;
  /** Sent as a warning with every request for this version: it is deprecated. */
  readonly deprecation?: string;
  /** Served only while this gate is on. */
  readonly featureGate?: HonouredGate;
  /** What dependents get when a DELETE says nothing; background unless given. */
  readonly defaultPropagation?: 'Background' | 'Orphan';
  /** A DELETE of one object, that says nothing of dependents, is warned of with this. */
  readonly propagationWarning?: string;
  /** Nothing can depend on objects of the kind: a DELETE heeds no policy. */
  readonly hasNoDependents?: boolean;
}

export interface Kind<T extends KubeObject> extends KindDefinition<T> {
  readonly singular: string;
  readonly listKind: string;
  readonly verbs: readonly Verb[];
  readonly storagePrefix: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** Carries the TypeScript type; never set. */
  readonly type?: T;
}

/**
 * A kind whose objects generic code handles without knowing their type. Made only by `anyKind`,
 * the one place where the type of a kind is forgotten.
 */
export type AnyKind = Kind<KubeObject>;

export function defineKind<T extends KubeObject>(definition: KindDefinition<T>): Kind<T> {
  return Object.freeze({
    ...definition,
    singular: definition.singular ?? definition.kind.toLowerCase(),
    listKind: `${definition.kind}List`,
    verbs: definition.verbs ?? ALL_VERBS,
    storagePrefix: definition.storagePrefix ?? definition.plural,
    shortNames: definition.shortNames ?? [],
    categories: definition.categories ?? [],
  });
}

/** The model of a list of the kind's objects. Names of kinds are DNS labels: they may hold "-". */
export function listSchemaOf({ schema, listKind }: AnyKind): string {
  return schema.replace(/[^.]*$/, listKind);
}

/** Forgets the type: sound because the registry gives each kind only objects of its own. */
export function anyKind<T extends KubeObject>(kind: Kind<T>): AnyKind {
  return kind as unknown as AnyKind;
}

/** Kinds that come and go. */
export interface LiveKinds {
  /** Another number whenever `kinds` answers something else. */
  readonly generation: number;
  kinds(): readonly AnyKind[];
}

/** Kinds that stay as they are. */
export function fixedKinds(kinds: readonly AnyKind[]): LiveKinds {
  return { generation: 0, kinds: () => kinds };
}

/** `make(kinds)`, made anew when it is asked for after a change. */
export function perGeneration<T>(live: LiveKinds, make: (kinds: readonly AnyKind[]) => T): () => T {
  let made: { readonly generation: number; readonly value: T } | undefined;
  return () => {
    if (made?.generation !== live.generation)
      made = { generation: live.generation, value: make(live.kinds()) };
    return made.value;
  };
}
