/**
 * What is known of policies, pods and namespaces, and what of it this node has to enforce.
 *
 *   what changed ─▶ which pods of this node are isolated, by which policies
 *                ─▶ which policies are in force here ─▶ who is in their sets ─▶ elements
 *
 * A policy that isolates no pod of this node costs nothing but its memory. A change of one pod is
 * looked at by each policy in force, and by nothing else. Everything here is bounded by the objects
 * of the cluster.
 */
import type { Labels } from '#api/meta/labels.ts';
import { Elements } from '#base/nftables/elements.ts';
import type { Family } from './address-blocks.ts';
import { type Chain, isolationChain, policyChain } from './chains.ts';
import { isolationsOf, planIsolation, planMembership, selects } from './plan.ts';
import { type PolicyPod, samePolicyPod } from './pods.ts';
import type { Policy } from './policy.ts';

/** A policy as it is in the elements. */
interface InForce {
  readonly policy: Policy;
  readonly chains: readonly (readonly [name: string, chain: Chain])[];
  /** Keys of the pods that have elements in its sets. */
  readonly members: Set<string>;
}

export class PolicyState {
  readonly elements = new Elements();
  readonly #node: string;
  readonly #families: readonly Family[];
  readonly #policies = new Map<string, Policy>();
  readonly #pods = new Map<string, PolicyPod>();
  readonly #podsByNamespace = new Map<string, Set<string>>();
  readonly #policiesByNamespace = new Map<string, Set<string>>();
  readonly #namespaces = new Map<string, Labels>();
  /** Keys of the policies that isolate a pod of this node. */
  readonly #isolating = new Map<string, readonly string[]>();
  readonly #inForce = new Map<string, InForce>();
  readonly #changedPods = new Set<string>();
  /** Those on this node whose isolation has to be looked at. */
  readonly #unsettledPods = new Set<string>();

  /** Of the pods of `node`, by addresses of `families`. */
  constructor(node: string, families: readonly Family[]) {
    this.#node = node;
    this.#families = families;
  }

  /** Undefined: it is gone. The answer is whether anything came of it. */
  setPolicy(key: string, policy: Policy | undefined): boolean {
    const namespace = (policy ?? this.#policies.get(key))?.namespace;
    if (namespace === undefined) return false;
    put(this.#policies, key, policy);
    list(this.#policiesByNamespace, namespace, key, policy !== undefined);
    for (const pod of this.#podsByNamespace.get(namespace) ?? []) {
      if (this.#pods.get(pod)?.node === this.#node) this.#unsettledPods.add(pod);
    }
    return this.#unsettledPods.size > 0;
  }

  setPod(key: string, found: PolicyPod | undefined): boolean {
    const before = this.#pods.get(key);
    const pod = found && withinFamilies(found, this.#families);
    if (before === pod || (before !== undefined && pod !== undefined && samePolicyPod(before, pod)))
      return false;
    put(this.#pods, key, pod);
    const namespace = (pod ?? before)?.namespace ?? '';
    list(this.#podsByNamespace, namespace, key, pod !== undefined);
    if (before?.node === this.#node || pod?.node === this.#node) this.#unsettledPods.add(key);
    this.#changedPods.add(key);
    return true;
  }

  setNamespace(name: string, labels: NonNullable<Labels> | undefined): boolean {
    if (JSON.stringify(this.#namespaces.get(name)) === JSON.stringify(labels)) return false;
    put(this.#namespaces, name, labels);
    for (const pod of this.#podsByNamespace.get(name) ?? []) this.#changedPods.add(pod);
    return true;
  }

  /** Brings the elements in step with everything that was set. */
  settle(): void {
    for (const pod of this.#unsettledPods) this.#settleIsolation(pod);
    this.#unsettledPods.clear();
    const wanted = new Set([...this.#isolating.values()].flat());
    for (const [key, { policy }] of this.#inForce) {
      if (!wanted.has(key) || this.#policies.get(key) !== policy) this.#lift(key);
    }
    for (const key of wanted) {
      const isNew = !this.#inForce.has(key);
      if (isNew) this.#enforce(key);
      for (const pod of isNew ? this.#pods.keys() : this.#changedPods)
        this.#settleMembership(key, pod);
    }
    this.#changedPods.clear();
  }

  /** Every chain that is needed now: those of policies first, because others jump to them. */
  chains(): Map<string, Chain> {
    const chains = new Map([...this.#inForce.values()].flatMap((each) => each.chains));
    for (const keys of this.#isolating.values()) {
      for (const isolation of isolationsOf(this.#named(keys))) {
        if (!chains.has(isolation.name)) chains.set(isolation.name, isolationChain(isolation));
      }
    }
    return chains;
  }

  #settleIsolation(key: string): void {
    const pod = this.#pods.get(key);
    const isHere = pod?.node === this.#node;
    const keys = [...(this.#policiesByNamespace.get(pod?.namespace ?? '') ?? [])].filter((name) => {
      const policy = this.#policies.get(name);
      return isHere && policy !== undefined && selects(policy, pod);
    });
    put(this.#isolating, key, keys.length > 0 ? keys : undefined);
    this.elements.replace(`isolation ${key}`, isHere ? planIsolation(pod, this.#named(keys)) : []);
  }

  #settleMembership(policyKey: string, podKey: string): void {
    const inForce = this.#inForce.get(policyKey);
    if (inForce === undefined) return;
    const { policy, members } = inForce;
    const pod = this.#pods.get(podKey);
    const isIsolated = this.#isolating.get(podKey)?.includes(policyKey) === true;
    const labelsOf = (name: string): Labels => this.#namespaces.get(name);
    const elements = pod === undefined ? [] : planMembership(policy, pod, { labelsOf, isIsolated });
    if (elements.length > 0) members.add(podKey);
    else if (!members.delete(podKey)) return;
    this.elements.replace(membership(policyKey, podKey), elements);
  }

  #enforce(key: string): void {
    const policy = this.#policies.get(key);
    if (policy === undefined) return;
    const chains = policy.chains.map(
      (chain) => [chain.name, policyChain(chain, this.#families)] as const,
    );
    this.#inForce.set(key, { policy, chains, members: new Set() });
  }

  #lift(key: string): void {
    for (const pod of this.#inForce.get(key)?.members ?? [])
      this.elements.replace(membership(key, pod), []);
    this.#inForce.delete(key);
  }

  #named(keys: readonly string[]): Policy[] {
    return keys.flatMap((key) => this.#policies.get(key) ?? []);
  }
}

/** Undefined when it has addresses, but none of one of `families`: there are no sets for others. */
function withinFamilies(pod: PolicyPod, families: readonly Family[]): PolicyPod | undefined {
  const addresses = pod.addresses.filter(({ family }) => families.includes(family));
  return addresses.length < Math.min(pod.addresses.length, 1) ? undefined : { ...pod, addresses };
}

function membership(policy: string, pod: string): string {
  return `membership ${policy} ${pod}`;
}

function put<V>(map: Map<string, V>, key: string, value: V | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}

function list(lists: Map<string, Set<string>>, name: string, key: string, isListed: boolean): void {
  const keys = lists.get(name) ?? new Set<string>();
  if (isListed) keys.add(key);
  else keys.delete(key);
  put(lists, name, keys.size > 0 ? keys : undefined);
}
