/**
 * What the generator knows of the Kubernetes schema, between reading and writing.
 *
 * Readers (`go.ts`, `apiregistration.ts`) make `PackageFacts`; `resolve.ts` turns the type
 * expressions into `Shape`s; the writers (`table.ts`, `interfaces.ts`) turn those into files.
 */

/** A Go package that holds API types. */
export interface PackageSource {
  /** Import path below the Go source root: `k8s.io/api/core/v1`. */
  readonly path: string;
  /** Name of the TypeScript file and of the package in the table: `core-v1`. */
  readonly file: string;
  /** Whether interfaces are written; the field table has every package. */
  readonly interfaces: boolean;
}

/** A member of a Go struct. An inlined member has no `json` name. */
export interface MemberFacts {
  /** Undefined for a member whose own members appear in the parent's JSON. */
  readonly json: string | undefined;
  /** The Go name: what decoding errors print. */
  readonly goName: string;
  readonly goType: string;
  /** Protobuf field number, 0 when the member is not in the protobuf form. */
  readonly number: number;
  readonly omitempty: boolean;
  readonly omitzero: boolean;
  readonly markers: ReadonlyMap<string, readonly string[]>;
  readonly patchStrategy: string | undefined;
  readonly patchMergeKey: string | undefined;
}

export interface StructFacts {
  readonly name: string;
  readonly members: readonly MemberFacts[];
  readonly markers: ReadonlyMap<string, readonly string[]>;
}

/** `type Name string`, `type Name map[…]…`, `type Name = other.Name`. */
export interface NamedFacts {
  readonly name: string;
  readonly goType: string;
  /** An alias is the same type; without `=` it is a new type with the same members. */
  readonly alias: boolean;
  readonly markers: ReadonlyMap<string, readonly string[]>;
}

export interface PackageFacts {
  readonly source: PackageSource;
  /** Import alias to import path. */
  readonly imports: ReadonlyMap<string, string>;
  readonly structs: ReadonlyMap<string, StructFacts>;
  readonly named: ReadonlyMap<string, NamedFacts>;
  /** String constants by type name, and by constant name. */
  readonly constants: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** API group and version of the kinds in it. */
  readonly group: string;
  readonly version: string;
  /** Go types that are registered as kinds of the group version. */
  readonly kinds: ReadonlySet<string>;
  /** Prefix of the OpenAPI names: `io.k8s.api.core.v1`. */
  readonly model: string;
}

export type ScalarKind =
  | 'string'
  | 'bool'
  | 'int32'
  | 'int64'
  | 'double'
  | 'bytes'
  | 'quantity'
  | 'time'
  | 'microTime'
  | 'duration'
  | 'intOrString'
  | 'rawExtension'
  | 'fieldsV1'
  | 'json'
  | 'any';

export type Shape =
  | { readonly kind: 'scalar'; readonly scalar: ScalarKind; readonly enumType?: TypeRef }
  /** `wrapped`: a named list that protobuf holds in a message with one repeated field. */
  | {
      readonly kind: 'list';
      readonly of: Shape;
      readonly wrapped: boolean;
      readonly pointers: boolean;
    }
  | { readonly kind: 'map'; readonly of: Shape }
  | { readonly kind: 'object'; readonly ref: TypeRef };

export interface TypeRef {
  readonly package: PackageFacts;
  readonly name: string;
}

/** A type with everything resolved: what the writers work on. */
export interface TypeModel {
  readonly ref: TypeRef;
  readonly members: readonly MemberModel[];
  readonly markers: ReadonlyMap<string, readonly string[]>;
  /** A kind registered for its package's group version. */
  readonly isKind: boolean;
}

export interface MemberModel {
  readonly facts: MemberFacts;
  readonly shape: Shape;
  readonly pointer: boolean;
  /** Markers of the member and of the types it names, the member's own first. */
  marker(name: string): string | undefined;
  markers(name: string): readonly string[];
}
