/** Builds the resolved model of every type of every package. */
import type { MemberFacts, MemberModel, PackageFacts, StructFacts, TypeModel } from './facts.ts';
import { isPointer, resolve, type Universe } from './resolve.ts';

/** Structs that are helpers of Go and not part of the API. */
const NOT_API: ReadonlySet<string> = new Set([
  'Time',
  'MicroTime',
  'Duration',
  'FieldsV1',
  'Timestamp',
  'InternalEvent',
  'JSON',
  'RestrictedLogger',
]);

/** All types of the packages, in the order of packages, then by name. */
export function buildModel(packages: readonly PackageFacts[]): readonly TypeModel[] {
  const byPath = new Map(packages.map((facts) => [facts.source.path, facts]));
  const universe: Universe = { package: (path) => byPath.get(path) };
  return packages.flatMap((facts) => packageModel(universe, facts));
}

function packageModel(universe: Universe, facts: PackageFacts): TypeModel[] {
  const models: TypeModel[] = [];
  for (const struct of facts.structs.values()) {
    if (!NOT_API.has(struct.name)) models.push(typeModel(universe, facts, { facts, struct }));
  }
  for (const named of facts.named.values()) {
    if (named.alias || named.goType.startsWith('[') || named.goType.startsWith('map')) continue;
    const dot = named.goType.indexOf('.');
    const path = facts.imports.get(named.goType.slice(0, dot)) ?? facts.source.path;
    const home = universe.package(path);
    const original = home?.structs.get(named.goType.slice(dot + 1));
    if (home === undefined || original === undefined) continue;
    const struct = { ...original, name: named.name };
    models.push(typeModel(universe, facts, { facts: home, struct }));
  }
  return models.toSorted((a, b) => (a.ref.name < b.ref.name ? -1 : 1));
}

function typeModel(
  universe: Universe,
  owner: PackageFacts,
  from: { readonly facts: PackageFacts; readonly struct: StructFacts },
): TypeModel {
  const { struct } = from;
  return {
    ref: { package: owner, name: struct.name },
    members: struct.members.map((member) => memberModel(universe, from.facts, member)),
    markers: struct.markers,
    isKind: owner.kinds.has(struct.name),
  };
}

function memberModel(universe: Universe, from: PackageFacts, facts: MemberFacts): MemberModel {
  const shape = resolve(universe, from, facts.goType);
  const ofType =
    shape.kind === 'object' ? shape.ref.package.structs.get(shape.ref.name)?.markers : undefined;
  const markers = (name: string): readonly string[] =>
    facts.markers.get(name) ?? ofType?.get(name) ?? [];
  return {
    facts,
    shape,
    pointer: isPointer(facts.goType),
    marker: (name) => markers(name)[0],
    markers,
  };
}
