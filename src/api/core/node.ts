/** Node. Upstream: pkg/registry/core/node/strategy.go, pkg/printers/internalversion/printers.go. */
import type { Node } from '#api/gen/core-v1.ts';
import { defineKind } from '../kind.ts';
import { AGE_COLUMN, column, NAME_COLUMN, wideColumn } from '../meta/columns.ts';
import { validateNode, validateNodeUpdate } from '../validation/node.ts';

const ROLE_PREFIX = 'node-role.kubernetes.io/';
const ROLE_LABEL = 'kubernetes.io/role';

function statusOf(node: Node): string {
  const ready = node.status?.conditions?.findLast((condition) => condition.type === 'Ready');
  const status = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return node.spec?.unschedulable === true ? `${status},SchedulingDisabled` : status;
}

function rolesOf(node: Node): string {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(node.metadata?.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX)) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === ROLE_LABEL) roles.add(value);
  }
  roles.delete('');
  return [...roles].toSorted().join(',') || '<none>';
}

function addressOf(node: Node, type: string): string {
  return node.status?.addresses?.find((address) => address.type === type)?.address ?? '<none>';
}

function kernelOf(node: Node): string {
  const info = node.status?.nodeInfo;
  const kernel = info?.kernelVersion || '<unknown>';
  return info?.architecture ? `${kernel} (${info.architecture})` : kernel;
}

/** The old field and the first of the new ones are the same; where they differ the old one counts. */
function alignCidrs({ spec }: Node): void {
  if (spec === undefined) return;
  const { podCIDR = '', podCIDRs: [first] = [] } = spec;
  if (podCIDR !== '' && podCIDR !== first) spec.podCIDRs = [podCIDR];
  else if (first !== undefined && first !== '') spec.podCIDR = first;
}

const warnAboutNode = ({ spec }: Node): string[] => [
  ...(spec?.configSource === undefined ? [] : ['spec.configSource: the feature is removed']),
  ...(spec?.externalID
    ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes']
    : []),
];

function setDefaults(node: Node): void {
  if (node.status?.capacity !== undefined) node.status.allocatable ??= { ...node.status.capacity };
  alignCidrs(node);
}

/** Dynamic kubelet configuration is gone (v1.26): its fields are dropped. */
function dropConfig(node: Node): void {
  if (node.spec !== undefined) delete node.spec.configSource;
}

export const NODE = defineKind<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  shortNames: ['no'],
  namespaced: false,
  schema: 'io.k8s.api.core.v1.Node',
  storagePrefix: 'minions',
  hasStatus: true,
  countsGeneration: false,
  unconditionalUpdate: true,
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec?.unschedulable === true) },
  columns: [
    NAME_COLUMN,
    column('Status', statusOf),
    column('Roles', rolesOf),
    AGE_COLUMN,
    column('Version', (node) => node.status?.nodeInfo?.kubeletVersion ?? ''),
    wideColumn('Internal-IP', (node) => addressOf(node, 'InternalIP')),
    wideColumn('External-IP', (node) => addressOf(node, 'ExternalIP')),
    wideColumn('OS-Image', (node) => node.status?.nodeInfo?.osImage || '<unknown>'),
    wideColumn('Kernel-Version', kernelOf),
    wideColumn(
      'Container-Runtime',
      (node) => node.status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
    ),
  ],
  setDefaults,
  // A node may bring its status along: kubelets register with it.
  prepareForCreate: (node) => {
    dropConfig(node);
    if (node.status !== undefined) delete node.status.config;
  },
  prepareForUpdate: (next, old) => {
    if (old.spec?.configSource === undefined) dropConfig(next);
  },
  prepareForStatusUpdate: (next, old) => {
    if (next.status === undefined) return;
    if (old.status?.config === undefined) delete next.status.config;
    // As it comes out of the store: with defaults.
    if (
      next.status.capacity !== undefined &&
      Object.keys(next.status.allocatable ?? {}).length === 0
    )
      next.status.allocatable = { ...next.status.capacity };
  },
  warn: warnAboutNode,
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
  validateStatus: validateNodeUpdate,
});
