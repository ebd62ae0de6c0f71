/** Worlds of pods, namespaces and policies by chance: one change after another. */
import type { Pod } from '#api/gen/core-v1.ts';
import type {
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from '#api/gen/networking-v1.ts';
import type { LabelSelector } from '#api/meta/object.ts';
import type { Random } from '#base/env.ts';
import { namespaceIs, policyIs, type PolicyWorld, type WorldChange } from './world.ts';

const NAMESPACES = ['x', 'y', 'z'] as const;
const PODS = ['a', 'b', 'c'] as const;
const LABELS = ['a', 'b'] as const;
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'] as const;
/** More pods than addresses: one goes from a pod that is over to another. */
const ADDRESSES = 6;
const BLOCKS = [
  ['0.0.0.0/0', '10.244.0.2/32'],
  ['10.244.0.0/30', '10.244.0.1/32'],
  ['10.244.0.4/32'],
  ['192.0.2.0/24'],
  ['::/0', 'fd00:10:244::2/127'],
  ['fd00:10:244::/126'],
] as const;

export class RandomWorld {
  readonly #random: Pick<Random, 'next'>;

  constructor(random: Pick<Random, 'next'>) {
    this.#random = random;
  }

  one<T>(choices: readonly T[]): T {
    // Sound: the index is within a list that is never empty.
    return choices[Math.floor(this.#random.next() * choices.length)] as T;
  }

  /** True so often. */
  chance(ratio: number): boolean {
    return this.#random.next() < ratio;
  }

  /** What happens next; several changes when an address goes from one pod to another. */
  change({ pods }: PolicyWorld): WorldChange[] {
    const namespace = this.one(NAMESPACES);
    if (this.chance(0.15)) return [this.#namespace(namespace)];
    if (this.chance(0.5)) {
      const spec = this.chance(0.2) ? undefined : this.#spec();
      return [policyIs(spec, this.one(['p', 'q', 'r']), namespace)];
    }
    return this.#pod(`${namespace}/${this.one(PODS)}`, pods);
  }

  #namespace(name: string): WorldChange {
    if (this.chance(0.1)) return { kind: 'namespaces', key: name, object: undefined };
    return namespaceIs(name, this.#labels());
  }

  #pod(key: string, pods: ReadonlyMap<string, Pod>): WorldChange[] {
    if (this.chance(0.15)) return [{ kind: 'pods', key, object: undefined }];
    const pod = this.#podOf(key);
    const own = new Set((pod.status?.podIPs ?? []).map(({ ip }) => ip));
    const others = [...pods].filter(
      ([other, { status }]) =>
        other !== key &&
        status?.phase === 'Running' &&
        (status.podIPs ?? []).some(({ ip }) => own.has(ip)),
    );
    const endings = others.map(([other, object]): WorldChange => {
      const status = { ...object.status, phase: 'Succeeded' as const };
      return {
        kind: 'pods',
        key: other,
        object: this.chance(0.5) ? { ...object, status } : undefined,
      };
    });
    const start: WorldChange = { kind: 'pods', key, object: pod };
    return this.chance(0.5) ? [start, ...endings] : [...endings, start];
  }

  #podOf(key: string): Pod {
    const [namespace = '', name = ''] = key.split('/');
    const at = 1 + Math.floor(this.#random.next() * ADDRESSES);
    const dual = [`10.244.0.${at}`, `fd00:10:244::${at}`];
    const addresses = this.one([dual, dual, dual.slice(0, 1), dual.slice(1), []]);
    const ports = PROTOCOLS.flatMap((protocol) =>
      this.chance(0.5) ? [{ name: 'web', protocol, containerPort: this.one([80, 81]) }] : [],
    );
    return {
      metadata: { namespace, name, labels: this.#labels() },
      spec: {
        nodeName: this.one(['n1', 'n2']),
        hostNetwork: this.chance(0.05),
        containers: [{ name: 'c', ports }],
      },
      status: { phase: 'Running', podIPs: addresses.map((ip) => ({ ip })) },
    };
  }

  #labels(): Record<string, string> {
    return this.one([{}, { l: 'a' }, { l: 'b' }]);
  }

  #selector(): LabelSelector {
    const value = this.one(LABELS);
    return this.one<LabelSelector>([
      {},
      { matchLabels: { l: value } },
      { matchExpressions: [{ key: 'l', operator: 'NotIn', values: [value] }] },
      { matchExpressions: [{ key: 'l', operator: this.one(['Exists', 'DoesNotExist']) }] },
    ]);
  }

  #peer(): NetworkPolicyPeer {
    const [cidr = '', ...except] = this.one<readonly string[]>(BLOCKS);
    return this.one<NetworkPolicyPeer>([
      { podSelector: this.#selector() },
      { namespaceSelector: this.#selector() },
      { namespaceSelector: this.#selector(), podSelector: this.#selector() },
      { ipBlock: { cidr, except } },
    ]);
  }

  #port(): NetworkPolicyPort {
    const protocol = this.one(PROTOCOLS);
    return this.one<NetworkPolicyPort>([
      { port: 80 },
      { protocol },
      { protocol, port: 81 },
      { protocol, port: 'web' },
      { protocol, port: 1, endPort: this.one([80, 81, 90]) },
    ]);
  }

  #some<T>(make: () => T): T[] {
    return Array.from({ length: this.one([0, 1, 1, 2, 3]) }, make);
  }

  #spec(): NetworkPolicySpec {
    const rules = this.#some(() => ({
      peers: this.#some(() => this.#peer()),
      ports: this.#some(() => this.#port()),
    }));
    const ingress = rules.map(({ peers, ports }) => ({ from: peers, ports }));
    const egress = rules.map(({ peers, ports }) => ({ to: peers, ports }));
    return {
      podSelector: this.#selector(),
      ...this.one([
        { policyTypes: ['Ingress'], ingress },
        { policyTypes: ['Egress'], egress },
        { policyTypes: ['Ingress', 'Egress'], ingress, egress },
        { ingress },
        { egress },
      ]),
    };
  }
}
