/** The containers of a pod whose use is weighed: ephemeral ones ask for nothing. */
import type { Container, Pod } from '#api/gen/core-v1.ts';

type Resources = NonNullable<Container['resources']>;

/** By the name of the container. */
export function resourcesOfContainers({ spec }: Pod): Map<string, Resources> {
  const all = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])];
  return new Map(all.map(({ name, resources = {} }) => [name, resources]));
}
