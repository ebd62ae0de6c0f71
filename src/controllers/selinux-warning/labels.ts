/**
 * SELinux labels as far as they can be known without a node: what a Pod says of them. What it leaves
 * open each node fills in from its own defaults.
 *
 * Upstream: pkg/controller/volume/selinuxwarning/translator, GetPodVolumeNames and
 * GetMountSELinuxLabel of pkg/volume/util, v1.36.
 */
import type { Container, Pod, SELinuxOptions } from '#api/gen/core-v1.ts';

/** `user:role:type:level`, of what is said; empty: nothing is. */
export function labelOf({ user = '', role = '', type = '', level = '' }: SELinuxOptions): string {
  const label = [user, role, type, level].join(':');
  return label === ':::' ? '' : label;
}

const LEVEL = 3;

/**
 * Whether two labels cannot both be that of one mount. Parts that one leaves open may turn out the
 * same; levels are nobody's default.
 */
export function conflicts(one: string, other: string): boolean {
  const others = partsOf(other);
  return partsOf(one).some(
    (part, i) => part !== others[i] && (i === LEVEL || (part !== '' && others[i] !== '')),
  );
}

/** The level has colons of its own. */
function partsOf(label: string): string[] {
  const [user = '', role = '', type = '', ...level] = label.split(':');
  return [user, role, type, level.join(':')];
}

/** The labels under which the containers of the Pod mount each volume, by the volume's name. */
export function mountLabels({ spec }: Pod): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  const containers: readonly Pick<Container, 'securityContext' | 'volumeMounts'>[] = [
    ...(spec?.initContainers ?? []),
    ...(spec?.containers ?? []),
    ...(spec?.ephemeralContainers ?? []),
  ];
  for (const { securityContext, volumeMounts = [] } of containers) {
    const options = securityContext?.seLinuxOptions ?? spec?.securityContext?.seLinuxOptions;
    for (const { name } of volumeMounts) {
      const labels = found.get(name) ?? new Set();
      if (options !== undefined) labels.add(labelOf(options));
      found.set(name, labels);
    }
  }
  return found;
}
