/**
 * Asks for each new pod whether the node takes it, beside those that it has taken before.
 *
 * Upstream: pkg/kubelet/lifecycle/predicate.go (predicateAdmitHandler), v1.36.
 */
import type { Node, Pod } from '#api/gen/core-v1.ts';
import type { Client } from '#client/client.ts';
import { NODE } from '../resources.ts';
import { SHUTDOWN_REJECTION } from '../shutdown/shutdown-manager.ts';
import { appArmorRejection } from './apparmor.ts';
import { pressureRejection } from './pressure.ts';
import { isCriticalPod } from './critical-pod.ts';
import type { Preemption } from '../preemption/preemption.ts';
import { missingRoom, type Rejection, rejectionBesideRoom, rejectionOf } from './rejection.ts';
import type { SysctlAllowlist } from './sysctls.ts';

export interface PodAdmissionOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** The node as it was last seen. */
  readonly node: () => Node;
  /** The pods that were taken, and hold what they asked for. */
  readonly taken: () => readonly Pod[];
  /** Conditions of pressure that hold. */
  readonly pressure?: () => ReadonlySet<string>;
  /** The machine shuts down: nothing is taken any more. */
  readonly isShuttingDown?: () => boolean;
  /** Containers can be confined by AppArmor. */
  readonly hasAppArmor: boolean;
  /** Makes room for critical pods; absent: they are refused like others. */
  readonly preemption?: Pick<Preemption, 'makeRoom'>;
  /** Which kernel settings pods may ask for. */
  readonly sysctls: SysctlAllowlist;
}

export class PodAdmission {
  readonly #options: PodAdmissionOptions;

  constructor(options: PodAdmissionOptions) {
    this.#options = options;
  }

  /** Undefined: the node takes the pod. */
  async rejectionOf(pod: Pod): Promise<Rejection | undefined> {
    const { pressure } = this.#options;
    const isNew = !this.#options
      .taken()
      .some(({ metadata }) => metadata?.uid === pod.metadata?.uid);
    if (isNew && this.#options.isShuttingDown?.() === true) return SHUTDOWN_REJECTION;
    const forbidden = isNew ? this.#options.sysctls.rejectionOf(pod) : undefined;
    if (forbidden !== undefined) return forbidden;
    const pressed = isNew ? pressureRejection(pod, pressure?.() ?? new Set()) : undefined;
    if (pressed !== undefined) return pressed;
    const found = await this.#rejectionByNode(pod);
    const rejection = isNew && found !== undefined ? await this.#withRoom(pod, found) : found;
    if (rejection !== undefined || !isNew) return rejection;
    return appArmorRejection(pod, this.#options.hasAppArmor);
  }

  /** A critical pod is not refused for want of room: others end for it. */
  async #withRoom(pod: Pod, found: Rejection): Promise<Rejection | undefined> {
    const { node, preemption } = this.#options;
    if (preemption === undefined || !isCriticalPod(pod)) return found;
    const facts = { node: node(), others: this.#othersOf(pod) };
    const lacks = missingRoom(pod, facts);
    const other = rejectionBesideRoom(pod, facts);
    if (other !== undefined || lacks.size === 0) return other ?? found;
    return preemption.makeRoom(pod, facts.others, lacks);
  }

  #othersOf(pod: Pod): Pod[] {
    const uid = pod.metadata?.uid;
    return this.#options.taken().filter(({ metadata }) => metadata?.uid !== uid);
  }

  async #rejectionByNode(pod: Pod): Promise<Rejection | undefined> {
    const { node } = this.#options;
    const rejection = this.#rejectionOn(node(), pod);
    if (rejection?.reason !== 'NodeAffinity') return rejection;
    // Labels may be newer than what was seen of them: the scheduler knew them.
    return this.#rejectionOn(await this.#newestNode().catch(node), pod);
  }

  #rejectionOn(node: Node, pod: Pod): Rejection | undefined {
    return rejectionOf(pod, { node, others: this.#othersOf(pod) });
  }

  #newestNode(): Promise<Node> {
    const { client, nodeName } = this.#options;
    return client.get(NODE, nodeName);
  }
}
