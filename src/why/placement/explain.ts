/** Why a pod fits no node: all that speaks against each, and the smallest change. */
import { NODE } from '#api/core/node.ts';
import { POD } from '#api/core/pod.ts';
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { Client } from '#client/client.ts';
import type { Moment } from '#scheduler/dynamic-resources/ledger.ts';
import type { Plugin } from '#scheduler/framework.ts';
import { PLUGINS } from '#scheduler/plugins/order.ts';
import { Snapshot } from '#scheduler/snapshot.ts';
import { type Cause, type Explanation, listText } from '../explanation.ts';
import { groupKeyOf } from '#scheduler/pod-groups.ts';
import { claimCauses, type WantedDevices, wantedDevices, withClaimNames } from './claims.ts';
import { explainGang } from './gang.ts';
import { smallestChanges } from './changes.ts';
import { listObjects, Reading } from './listed-objects.ts';
import { type Verdicts, verdictsOn } from './verdicts.ts';

/** Nodes that are named; more are counted. */
const NAMED_MAX = 3;

/** What is known of the schedulers. */
export interface Schedulers {
  /** The plug-ins of the profile of the pod's scheduler; undefined: it is not at hand. */
  pluginsFor?(pod: Pod): readonly Plugin[] | undefined;
}

/** Undefined when nodes may not be read: then only the scheduler can say. */
export async function explainPlacement(
  client: Client,
  pod: Pod,
  moment: Moment & Schedulers,
): Promise<Explanation | undefined> {
  const reading = new Reading(client);
  const nodes = await reading.list(NODE);
  if (reading.unread.length > 0) return undefined;
  const name = pod.metadata?.name ?? '';
  if (nodes.length === 0)
    return {
      sentence: `Pod ${name} has no node because there is none.`,
      causes: [],
      remedies: ['add a node'],
    };
  const pods = await reading.list(POD);
  const objects = await listObjects(reading, pod);
  const snapshotOf = (all: readonly Node[]): Snapshot => {
    const snapshot = new Snapshot(objects, moment);
    for (const node of all) snapshot.setNode(node);
    for (const other of pods) if ((other.spec?.nodeName ?? '') !== '') snapshot.setPod(other);
    return snapshot;
  };
  const cluster = snapshotOf(nodes);
  const known = moment.pluginsFor?.(pod);
  const ground = { cluster, plugins: known ?? PLUGINS };
  const noted = known === undefined ? { note: guessText(pod) } : {};
  const verdicts = verdictsOn(pod, ground);
  const fitting = verdicts.nodes.filter((node) => node.verdicts.length === 0);
  const gang = explainGang({
    pod,
    pods,
    group: objects.podGroup(groupKeyOf(pod) ?? ''),
    fitting: verdicts.everywhere.length === 0 ? fitting.map(({ node }) => node) : [],
  });
  if (gang !== undefined) return { ...gang, ...noted };
  if (verdicts.everywhere.length === 0 && fitting.length > 0)
    return {
      sentence: `Pod ${name} would fit on ${namesText(fitting.map(({ node }) => node))} now: its scheduler, ${pod.spec?.schedulerName}, has not placed it yet.`,
      causes: [],
      remedies: [],
      ...noted,
    };
  const changes = smallestChanges(pod, ground, (changed) =>
    snapshotOf(nodes.map((node) => (sameName(node, changed) ? changed : node))),
  );
  const wanted = wantedDevices(pod, cluster);
  const causes = causesOf(verdicts, wanted, nodes.length);
  return {
    sentence: `Pod ${name} fits none of ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}: ${listText(causes.map(({ what }) => what))}.`,
    causes: [...causes, ...claimCauses(wanted), ...unreadCauses(reading)],
    remedies: changes.map(
      ({ text, nodes: where }) => `${text}; then it fits on ${namesText(where)}`,
    ),
    ...noted,
  };
}

function guessText({ spec }: Pod): string {
  return `How the scheduler ${spec?.schedulerName ?? ''} is configured is not known here: this is what the plug-ins of the default profile have to say.`;
}

function sameName(a: Node, b: Node): boolean {
  return a.metadata?.name === b.metadata?.name;
}

function namesText(names: readonly string[]): string {
  const shown = names.slice(0, NAMED_MAX);
  const more = names.length - shown.length;
  return more === 0 ? listText(shown) : `${shown.join(', ')} and ${more} more`;
}

/** By reason, the one of most nodes first. */
function causesOf(
  { everywhere, nodes }: Verdicts,
  wanted: readonly WantedDevices[],
  count: number,
): Cause[] {
  const byReason = new Map<string, { readonly plugin: string; readonly nodes: string[] }>();
  for (const { node, verdicts } of nodes)
    for (const { plugin, reasons } of verdicts)
      for (const text of reasons) {
        const reason = withClaimNames(text, wanted);
        const known = byReason.get(reason) ?? { plugin, nodes: [] };
        known.nodes.push(node);
        byReason.set(reason, known);
      }
  const general = everywhere.flatMap(({ plugin, reasons }) =>
    reasons.map((what) => ({ what, detail: `on every node (${plugin})` })),
  );
  const sorted = [...byReason].toSorted(([, a], [, b]) => b.nodes.length - a.nodes.length);
  return [
    ...general,
    ...sorted.map(([what, { plugin, nodes: names }]) => ({
      what,
      detail: `${names.length} of ${count} nodes: ${namesText(names)}${plugin === '' ? '' : ` (${plugin})`}`,
    })),
  ];
}

function unreadCauses({ unread }: Reading): Cause[] {
  return unread.length === 0
    ? []
    : [{ what: 'not looked at', detail: `${listText(unread)}, which may not be read` }];
}
