/**
 * Objects that own each other, of kinds whose watches run at different speeds.
 *
 *   while it runs   nothing goes that has a living owner, or that was set free; an owner that goes in
 *                   the foreground goes after those that hold it back
 *   at the end      nothing names an owner that is not there, and nothing waits to go
 */
import { CONFIG_MAP } from '#api/core/config-map.ts';
import { SECRET } from '#api/core/secret.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import { apiVersionOf, type KubeObject, type OwnerReference } from '#api/meta/object.ts';
import { CLUSTER_ROLE } from '#api/rbac/cluster-role.ts';
import type { ResourceType } from '#client/client.ts';
import type { Cast, Stage, StoreChange } from './stage.ts';

const PREFIX = 'own-';
const FOREGROUND = 'foregroundDeletion';
const HOLD = 'example.com/hold';
const TYPES: readonly ResourceType<KubeObject>[] = [CONFIG_MAP, SECRET, CLUSTER_ROLE];
const OBJECTS_MAX = 12;

interface Known {
  readonly type: ResourceType<KubeObject>;
  readonly object: KubeObject;
  /** Since when it has these owners. */
  readonly ownedSinceMs: number;
  /** Since when it waits for those that hold it back. */
  readonly waitingSinceMs: number | undefined;
}

export class Owners implements Cast {
  readonly actions = [
    [6, () => this.#create()],
    [5, () => this.#delete()],
    [2, () => this.#adopt()],
    [2, () => this.#hold()],
  ] as const;
  readonly #stage: Stage;
  readonly #known = new Map<string, Known>();
  /** What users deleted, by uid; and when, where its dependents were to be set free. */
  readonly #deleted = new Set<string>();
  readonly #orphanedMs = new Map<string, number>();
  #count = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async open(): Promise<void> {
    for (let i = 0; i < OBJECTS_MAX / 2; i++) await this.#createOne();
  }

  disturb(): void {}

  saw({ resource, type: change, object }: StoreChange): void {
    const type = TYPES.find(({ plural }) => plural === resource);
    const { uid = '', name = '', deletionTimestamp } = object.metadata ?? {};
    if (type === undefined || !name.startsWith(PREFIX)) return;
    const before = this.#known.get(uid);
    const isGoing = deletionTimestamp !== undefined || change === 'delete';
    const wasGoing = before?.object.metadata?.deletionTimestamp !== undefined;
    if (before !== undefined && isGoing && !wasGoing) this.#checkGoing(before);
    if (change === 'delete') {
      this.#known.delete(uid);
      this.#checkOrder(uid, before);
      return;
    }
    const { elapsedMs } = this.#stage.cluster.environment;
    const sameOwners = before !== undefined && uidsOf(before.object) === uidsOf(object);
    const waits = isGoing && object.metadata?.finalizers?.includes(FOREGROUND) === true;
    this.#known.set(uid, {
      type,
      object,
      ownedSinceMs: sameOwners ? before.ownedSinceMs : elapsedMs,
      waitingSinceMs: waits ? (before?.waitingSinceMs ?? elapsedMs) : before?.waitingSinceMs,
    });
  }

  #checkGoing({ object, ownedSinceMs }: Known): void {
    const { name, uid = '', ownerReferences = [] } = object.metadata ?? {};
    if (this.#deleted.has(uid)) return;
    if (ownerReferences.length === 0) this.#stage.violated(`${name} goes, and has no owner`);
    for (const owner of ownerReferences) {
      const holder = this.#known.get(owner.uid);
      if (holder !== undefined && holder.waitingSinceMs === undefined)
        this.#stage.violated(`${name} goes, and its owner ${owner.name} lives`);
      const orphanedMs = this.#orphanedMs.get(owner.uid);
      if (orphanedMs !== undefined && ownedSinceMs < orphanedMs - this.#stage.lagMs)
        this.#stage.violated(`${name} goes, and was to be set free of ${owner.name}`);
    }
  }

  #checkOrder(uid: string, gone: Known | undefined): void {
    const { waitingSinceMs, object } = gone ?? {};
    if (waitingSinceMs === undefined) return;
    for (const { object: other, ownedSinceMs } of this.#known.values())
      if (
        ownedSinceMs < waitingSinceMs - this.#stage.lagMs &&
        ownersOf(other).some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true)
      )
        this.#stage.violated(`${object?.metadata?.name} is gone before ${other.metadata?.name}`);
  }

  async #create(): Promise<void> {
    const { random } = this.#stage;
    const count = 1 + random.below(3);
    for (let i = 0; i < count && this.#known.size < OBJECTS_MAX; i++) await this.#createOne();
  }

  /** With none to two owners, of those that are older: there are no circles. */
  async #createOne(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const type = random.pick(TYPES);
    const left = this.#alive().filter(({ type: { namespaced } }) => type.namespaced || !namespaced);
    const owners: Known[] = [];
    const wanted = random.below(3);
    while (owners.length < wanted && left.length > 0)
      owners.push(...left.splice(random.below(left.length), 1));
    const ownerReferences = owners.map((owner) => referenceTo(owner, random.chance(0.6)));
    const name = `${PREFIX}${++this.#count}`;
    const names = ownerReferences.map((owner) => `${owner.name}${blocks(owner)}`);
    say(`create ${type.plural} ${name} of ${names.join()}`);
    const namespace = type.namespaced ? { namespace: 'default' } : {};
    await cluster.create(type, { metadata: { name, ...namespace, ownerReferences } });
  }

  #alive(): Known[] {
    return [...this.#known.values()].filter(
      ({ object }) => object.metadata?.deletionTimestamp === undefined,
    );
  }

  async #delete(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const all = this.#alive();
    if (all.length === 0) return;
    const { type, object } = random.pick(all);
    const propagationPolicy = random.pick(['Background', 'Foreground', 'Orphan'] as const);
    const uid = object.metadata?.uid ?? '';
    say(`delete ${object.metadata?.name} (${propagationPolicy})`);
    this.#deleted.add(uid);
    if (propagationPolicy === 'Orphan') this.#orphanedMs.set(uid, cluster.environment.elapsedMs);
    await cluster.delete(type, object, { propagationPolicy });
  }

  /** One more owner, or one less. */
  async #adopt(): Promise<void> {
    const { cluster, random, say } = this.#stage;
    const all = this.#alive();
    if (all.length === 0) return;
    const { type, object } = random.pick(all);
    const owners = ownersOf(object);
    const older = all.filter(
      (each) =>
        numberOf(each.object) < numberOf(object) &&
        (type.namespaced || !each.type.namespaced) &&
        !owners.some(({ uid }) => uid === each.object.metadata?.uid),
    );
    const { resourceVersion } = object.metadata ?? {};
    const next =
      owners.length > 0 && (older.length === 0 || random.chance(0.5))
        ? owners.slice(1)
        : [...owners, ...older.slice(0, 1).map((each) => referenceTo(each, random.chance(0.6)))];
    say(`${object.metadata?.name} is of ${next.map(({ name }) => name).join()}`);
    await cluster
      .patch(type, object, { metadata: { resourceVersion, ownerReferences: next } })
      .catch(() => {});
  }

  /** Something keeps an object, or lets it go. */
  async #hold(): Promise<void> {
    const { random, say } = this.#stage;
    const held = [...this.#known.values()].filter(isHeld);
    if (held.length > 0 && random.chance(0.5)) return this.#release(held);
    const all = this.#alive().filter((each) => !isHeld(each));
    if (all.length === 0) return;
    const { type, object } = random.pick(all);
    say(`hold ${object.metadata?.name}`);
    const finalizers = [...(object.metadata?.finalizers ?? []), HOLD];
    await this.#stage.cluster.patch(type, object, { metadata: { finalizers } }).catch(() => {});
  }

  async #release(held: readonly Known[]): Promise<void> {
    const { cluster, say } = this.#stage;
    for (const { type, object } of held) {
      say(`release ${object.metadata?.name}`);
      const { name = '', namespace } = object.metadata ?? {};
      const { metadata } = await cluster.get(type, name, namespace);
      const finalizers = (metadata?.finalizers ?? []).filter((each) => each !== HOLD);
      const { resourceVersion } = metadata ?? {};
      await cluster.patch(type, object, { metadata: { resourceVersion, finalizers } });
    }
  }

  rest(): Promise<void> {
    return this.#release([...this.#known.values()].filter(isHeld));
  }

  checkEnd(_pods: readonly Pod[]): Promise<readonly Pod[]> {
    for (const { object } of this.#known.values()) {
      const { name, deletionTimestamp } = object.metadata ?? {};
      if (deletionTimestamp !== undefined) throw new Error(`${name} does not go`);
      const absent = ownersOf(object).find(({ uid }) => !this.#known.has(uid));
      if (absent !== undefined)
        throw new Error(`${name} is there, its owner ${absent.name} is not`);
    }
    return Promise.resolve([]);
  }
}

function ownersOf({ metadata }: KubeObject): readonly OwnerReference[] {
  return metadata?.ownerReferences ?? [];
}

function uidsOf(object: KubeObject): string {
  return ownersOf(object)
    .map((owner) => owner.uid + blocks(owner))
    .join();
}

function blocks({ blockOwnerDeletion }: OwnerReference): string {
  return blockOwnerDeletion === true ? '!' : '';
}

function numberOf({ metadata }: KubeObject): number {
  return Number(metadata?.name?.slice(PREFIX.length));
}

function isHeld({ object }: Known): boolean {
  return object.metadata?.finalizers?.includes(HOLD) === true;
}

function referenceTo({ type, object }: Known, blockOwnerDeletion: boolean): OwnerReference {
  const { name = '', uid = '' } = object.metadata ?? {};
  return { apiVersion: apiVersionOf(type), kind: type.kind, name, uid, blockOwnerDeletion };
}
