/**
 * A definition as upstream's checks see it: what all versions say alike stands in the spec itself,
 * and is reported there.
 *
 * Source: upstream v1.36 apiextensions-apiserver/pkg/apis/apiextensions/v1/conversion.go. With one
 * version everything but its name and flags is shared.
 */
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  CustomResourceValidation,
  JSONSchemaProps,
  SelectableField,
} from '#api/gen/apiextensions-v1.ts';
import { equalValues } from '../meta/equal.ts';

/** What a version, or the spec for all of them, may say. */
export interface Shareable {
  readonly schema?: CustomResourceValidation;
  readonly subresources?: CustomResourceSubresources;
  readonly additionalPrinterColumns?: readonly CustomResourceColumnDefinition[];
  readonly selectableFields?: readonly SelectableField[];
}

export type VersionForm = Shareable &
  Pick<
    CustomResourceDefinitionVersion,
    'name' | 'served' | 'storage' | 'deprecated' | 'deprecationWarning'
  >;

export interface SpecForm {
  readonly shared: Shareable;
  readonly versions: readonly VersionForm[];
}

const FIELDS = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const;

export function formOf(spec: Partial<CustomResourceDefinitionSpec>): SpecForm {
  const versions = spec.versions ?? [];
  const [first] = versions;
  if (first === undefined) return { shared: {}, versions: [] };
  const shared: Record<string, unknown> = {};
  const own = versions.map((version): Record<string, unknown> => ({ ...version }));
  for (const field of FIELDS) {
    if (!versions.every((version) => isSame(version[field], first[field]))) continue;
    if (first[field] !== undefined) shared[field] = first[field];
    for (const version of own) delete version[field];
  }
  return { shared, versions: own as unknown as VersionForm[] };
}

/** Absent and empty are the same for lists, not for structs behind a pointer. */
function isSame(left: unknown, right: unknown): boolean {
  const areLists = Array.isArray(left) || Array.isArray(right);
  if (!areLists && (left === undefined) !== (right === undefined)) return false;
  return equalValues(left, right);
}

/** The schemas of all versions: of those that share one, once. */
export function schemasOf(spec: Partial<CustomResourceDefinitionSpec>): JSONSchemaProps[] {
  const { shared, versions } = formOf(spec);
  return [shared, ...versions].flatMap(({ schema }) => schema?.openAPIV3Schema ?? []);
}
