/**
 * What is kept from pods, and how that is enforced.
 *
 * Source: upstream v1.36 pkg/kubelet/apis/config/validation/{validation,validation_reserved_memory}.go.
 */
import { quantityMilli } from '#api/codec/quantity.ts';
import { isHugePages } from '#api/validation/resource-names.ts';
import type { KubeletConfiguration } from './types.ts';

const FIELD = 'enforceNodeAllocatable (--enforce-node-allocatable)';
const LEVELS = [
  'pods',
  'system-reserved',
  'system-reserved-compressible',
  'kube-reserved',
  'kube-reserved-compressible',
  'none',
];

export function validateEnforcement(config: KubeletConfiguration): string[] {
  const { enforceNodeAllocatable: levels } = config;
  const seen = new Set<string>();
  const problems = (['system', 'kube'] as const)
    .map((who) => [`${who}-reserved`, `${who}-reserved-compressible`] as const)
    .filter((both) => both.every((level) => levels.includes(level)))
    .map(
      ([whole, part]) => `both "${whole}" and "${part}" cannot be specified together in ${FIELD}`,
    );
  for (const level of levels) {
    if (seen.has(level))
      problems.push(`duplicated enforcements ${JSON.stringify(level)} in ${FIELD}`);
    else problems.push(...levelProblems(level, config));
    seen.add(level);
  }
  return problems;
}

function levelProblems(level: string, config: KubeletConfiguration): string[] {
  const { enforceNodeAllocatable: levels, cgroupsPerQOS } = config;
  if (level === 'none')
    return levels.length > 1
      ? [`${FIELD} may not contain additional enforcements when "none" is specified`]
      : [];
  if (!LEVELS.includes(level)) {
    const quoted = LEVELS.map((each) => JSON.stringify(each));
    return [
      `option ${JSON.stringify(level)} specified for ${FIELD}. Valid options are ${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`,
    ];
  }
  return [
    ...cgroupProblems(level, config),
    ...(cgroupsPerQOS
      ? []
      : [
          `cgroupsPerQOS (--cgroups-per-qos) must be set to true when ${JSON.stringify(level)} contained in ${FIELD}`,
        ]),
  ];
}

function cgroupProblems(level: string, config: KubeletConfiguration): string[] {
  for (const who of ['system', 'kube'] as const) {
    if (!level.startsWith(who) || (config[`${who}ReservedCgroup`] ?? '') !== '') continue;
    return [
      `${who}ReservedCgroup (--${who}-reserved-cgroup) must be specified when "${who}-reserved" or "${who}-reserved-compressible" included in ${FIELD}`,
    ];
  }
  return [];
}

export function validateReservedMemory({ reservedMemory = [] }: KubeletConfiguration): string[] {
  const seen = new Set<string>();
  return reservedMemory.flatMap(({ numaNode, limits }) =>
    Object.entries(limits).flatMap(([name, quantity]) => {
      const key = `${numaNode}/${name}`;
      const isTwice = seen.has(key);
      seen.add(key);
      return [
        ...(name === 'memory' || isHugePages(name)
          ? []
          : [
              `the limit type ${JSON.stringify(name)} for NUMA node ${numaNode} is not supported, only [memory hugepages-<HugePageSize>] is accepted`,
            ]),
        ...(quantityMilli(quantity) === 0
          ? [`reserved memory may not be zero for NUMA node ${numaNode} and resource "${name}"`]
          : []),
        ...(isTwice
          ? [
              `the reserved memory has a duplicate value for NUMA node ${numaNode} and resource "${name}"`,
            ]
          : []),
      ];
    }),
  );
}
