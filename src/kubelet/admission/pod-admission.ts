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
import { type Rejection, rejectionOf } from './rejection.ts';
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
    const rejection = await this.#rejectionByNode(pod);
    if (rejection !== undefined || !isNew) return rejection;
    return appArmorRejection(pod, this.#options.hasAppArmor);
  }

  async #rejectionByNode(pod: Pod): Promise<Rejection | undefined> {
    const { node } = this.#options;
    const rejection = this.#rejectionOn(node(), pod);
    if (rejection?.reason !== 'NodeAffinity') return rejection;
    // Labels may be newer than what was seen of them: the scheduler knew them.
    return this.#rejectionOn(await this.#newestNode().catch(node), pod);
  }

  #rejectionOn(node: Node, pod: Pod): Rejection | undefined {
    const uid = pod.metadata?.uid;
    const others = this.#options.taken().filter(({ metadata }) => metadata?.uid !== uid);
    return rejectionOf(pod, { node, others });
  }

  #newestNode(): Promise<Node> {
    const { client, nodeName } = this.#options;
    return client.get(NODE, nodeName);
  }
}
