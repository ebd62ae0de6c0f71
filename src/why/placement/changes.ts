/**
 * The smallest change that would give a pod a node. Each candidate is tried on the cluster as it is;
 * only what makes the pod fit somewhere is told.
 */
import type { Container, Node, Pod, PodSpec, Taint, Toleration } from '#api/gen/core-v1.ts';
import { canonicalQuantity } from '#api/codec/quantity.ts';
import type { NodeInfo } from '#scheduler/framework.ts';
import { amountOf, requestsOf } from '#scheduler/resources.ts';
import type { Snapshot } from '#scheduler/snapshot.ts';
import { fittingNodes, type Ground } from './verdicts.ts';

export interface Change {
  readonly text: string;
  /** Where the pod would fit. */
  readonly nodes: readonly string[];
}

/** A pod or a node as it would be. */
interface Candidate {
  readonly text: string;
  readonly pod?: Pod;
  readonly node?: Node;
  /** Smaller changes come first. */
  readonly cost: number;
}

/** Candidates that are tried, the cheapest first; and changes that are told. */
const TRIES_MAX = 200;
const TOLD_MAX = 3;
const BYTES_PER_MEBIBYTE = 1024 * 1024;

/** `withNode`: the cluster with one node as it would be. */
export function smallestChanges(
  pod: Pod,
  ground: Ground,
  withNode: (node: Node) => Snapshot,
): readonly Change[] {
  const { cluster } = ground;
  const told: Change[] = [];
  const candidates = [...podCandidates(pod, cluster), ...nodeCandidates(pod, cluster)];
  const ordered = candidates.toSorted((a, b) => a.cost - b.cost).slice(0, TRIES_MAX);
  for (const { text, pod: changed = pod, node } of ordered) {
    if (told.length === TOLD_MAX) break;
    const there = node === undefined ? ground : { ...ground, cluster: withNode(node) };
    const nodes = fittingNodes(changed, there);
    if (nodes.length > 0) told.push({ text, nodes });
  }
  return told;
}

function podCandidates(pod: Pod, cluster: Snapshot): Candidate[] {
  return [
    ...toleranceCandidates(pod, cluster),
    ...requestCandidates(pod, cluster),
    ...ruleCandidates(pod),
  ];
}

function withSpec(pod: Pod, change: Partial<PodSpec>): Pod {
  return { ...pod, spec: { containers: [], ...pod.spec, ...change } };
}

function toleranceCandidates(pod: Pod, cluster: Snapshot): Candidate[] {
  const taints = new Map<string, Taint>();
  for (const { hardTaints } of cluster.nodes)
    for (const taint of hardTaints) taints.set(taintText(taint), taint);
  return [...taints].map(([text, { key, value, effect }]) => {
    const toleration: Toleration = { key, operator: 'Equal', value: value ?? '', effect };
    const tolerations = [...(pod.spec?.tolerations ?? []), toleration];
    return { text: `tolerate the taint ${text}`, pod: withSpec(pod, { tolerations }), cost: 1 };
  });
}

function taintText({ key, value, effect }: Taint): string {
  return `${key}${value === undefined || value === '' ? '' : `=${value}`}:${effect}`;
}

/** For each node as much less as it would take. */
function requestCandidates(pod: Pod, cluster: Snapshot): Candidate[] {
  const wanted = requestsOf(pod);
  const seen = new Map<string, Candidate>();
  for (const node of cluster.nodes) {
    const parts = (['cpu', 'memory', 'ephemeral-storage'] as const).flatMap((name) => {
      const amount = amountOf(wanted, name);
      const free = freeOf(node, name);
      return amount > free && free > 0 ? [{ name, amount, free }] : [];
    });
    if (parts.length === 0) continue;
    const less = parts.map(({ name, free }) => ({ name, to: roundedDown(name, free) }));
    const text = `ask for ${parts
      .map(({ name, amount }, i) => {
        const to = less[i]?.to ?? 0;
        return `no more than ${textOf(name, to)} of ${name} instead of ${textOf(name, amount)}`;
      })
      .join(', and ')}`;
    const cost = 2 + parts.reduce((sum, { amount, free }) => sum + 1 - free / amount, 0);
    const known = seen.get(text);
    if (known !== undefined) continue;
    seen.set(text, { text, pod: asking(pod, less), cost });
  }
  return [...seen.values()];
}

function freeOf(node: NodeInfo, name: string): number {
  return amountOf(node.allocatable, name) - amountOf(node.requested, name);
}

function roundedDown(name: string, amount: number): number {
  if (name === 'cpu' || amount < BYTES_PER_MEBIBYTE) return amount;
  return Math.floor(amount / BYTES_PER_MEBIBYTE) * BYTES_PER_MEBIBYTE;
}

function textOf(name: string, amount: number): string {
  if (name === 'cpu') return amount % 1000 === 0 ? String(amount / 1000) : `${amount}m`;
  const mebibytes = amount / BYTES_PER_MEBIBYTE;
  return Number.isInteger(mebibytes) ? canonicalQuantity(`${mebibytes}Mi`) : String(amount);
}

/** The pod with so much in all: the first container asks for everything, the others for nothing. */
function asking(pod: Pod, less: readonly { readonly name: string; readonly to: number }[]): Pod {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const strip = (container: Container): Container => {
    const requests = { ...container.resources?.requests };
    for (const { name } of less) delete requests[name];
    return { ...container, resources: { ...container.resources, requests } };
  };
  const [first, ...rest] = containers.map(strip);
  const amounts = Object.fromEntries(
    less.map(({ name, to }) => [name, name === 'cpu' ? `${to}m` : String(to)]),
  );
  const asked = first && {
    ...first,
    resources: { ...first.resources, requests: { ...first.resources?.requests, ...amounts } },
  };
  const spec = { ...pod.spec, initContainers: initContainers.map(strip), overhead: {} };
  return withSpec(
    { ...pod, spec: { ...spec, containers: [] } },
    { containers: asked === undefined ? rest : [asked, ...rest] },
  );
}

/** Rules of the pod's own, left out one at a time. */
function ruleCandidates(pod: Pod): Candidate[] {
  const { spec } = pod;
  const { nodeAffinity, podAffinity, podAntiAffinity } = spec?.affinity ?? {};
  const candidates: Candidate[] = [];
  const add = (text: string, change: Partial<PodSpec>, cost: number): void => {
    candidates.push({ text, pod: withSpec(pod, change), cost });
  };
  for (const [key, value] of Object.entries(spec?.nodeSelector ?? {})) {
    const { [key]: _, ...nodeSelector } = spec?.nodeSelector ?? {};
    add(`take ${key}=${value} out of the node selector`, { nodeSelector }, 3);
  }
  const required = 'requiredDuringSchedulingIgnoredDuringExecution';
  const without = <T extends object>(rule: T): Partial<T> =>
    Object.fromEntries(Object.entries(rule).filter(([name]) => name !== required)) as Partial<T>;
  const { affinity } = spec ?? {};
  if (nodeAffinity?.[required] !== undefined)
    add(
      'prefer its node affinity instead of requiring it',
      { affinity: { ...affinity, nodeAffinity: without(nodeAffinity) } },
      4,
    );
  if (podAffinity?.[required] !== undefined)
    add(
      'prefer its pod affinity instead of requiring it',
      { affinity: { ...affinity, podAffinity: without(podAffinity) } },
      4,
    );
  if (podAntiAffinity?.[required] !== undefined)
    add(
      'prefer its pod anti-affinity instead of requiring it',
      { affinity: { ...affinity, podAntiAffinity: without(podAntiAffinity) } },
      4,
    );
  const spread = spec?.topologySpreadConstraints ?? [];
  for (const [index, { topologyKey }] of spread.entries())
    add(
      `spread over ${topologyKey} with ScheduleAnyway instead of DoNotSchedule`,
      { topologySpreadConstraints: spread.filter((_, other) => other !== index) },
      4,
    );
  return candidates;
}

/** What whoever looks after nodes could do. */
function nodeCandidates(pod: Pod, cluster: Snapshot): Candidate[] {
  return cluster.nodes.flatMap(({ name, node, labels, unschedulable }) => {
    const candidates: Candidate[] = [];
    const selector = Object.entries(pod.spec?.nodeSelector ?? {});
    const missing = selector.filter(([key, value]) => labels[key] !== value);
    if (unschedulable)
      candidates.push({
        text: `let pods onto ${name} again: kubectl uncordon ${name}`,
        node: uncordoned(node),
        cost: 1.5,
      });
    if (missing.length > 0) {
      const words = missing.map(([key, value]) => `${key}=${value}`).join(' ');
      const next = { ...labels, ...Object.fromEntries(missing) };
      candidates.push({
        text: `label node ${name}: kubectl label node ${name} ${words}`,
        node: { ...node, metadata: { ...node.metadata, labels: next } },
        cost: 1.5 + missing.length / 2,
      });
    }
    return candidates;
  });
}

function uncordoned(node: Node): Node {
  const { unschedulable: _, taints = [], ...spec } = node.spec ?? {};
  const left = taints.filter(({ key }) => key !== 'node.kubernetes.io/unschedulable');
  return { ...node, spec: { ...spec, taints: left } };
}
