/**
 * The user namespace of each pod that wants one of its own (`hostUsers: false`).
 *
 *   pod ─▶ its file, <pod directory>/userns ─▶ known: the same ids as before
 *                                          └▶ not there: the first free range, written before use
 *
 * What an earlier kubelet gave away is read at the start. Source: KEP-127. Upstream:
 * pkg/kubelet/userns/userns_manager.go, v1.36 (the file is its).
 */
import type { IDMapping, UserNamespace } from '#api/gen/cri-v1.ts';
import type { Pod } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { messageOf } from '#base/error.ts';
import { NAMESPACE_MODE } from '../cri/enums.ts';
import type { HandlerSource } from '../runtime/runtime-classes.ts';
import type { RuntimeState } from '../runtime/runtime-state.ts';
import type { IdRange } from './id-range.ts';

const FILE = 'userns';

export interface UserNamespacesOptions {
  readonly fileSystem: FileSystem;
  /** Where a pod's own files lie. */
  readonly podDirectory: (uid: string) => string;
  /** What may be given away, in parts of `idsPerPod`. */
  readonly range: IdRange;
  readonly idsPerPod: number;
  readonly runtime: Pick<RuntimeState, 'handler' | 'handlers'>;
  readonly runtimeClasses: Pick<HandlerSource, 'handlerOf'>;
}

export class UserNamespaces {
  readonly #options: UserNamespacesOptions;
  /** The first id of each pod, by uid. As many as there are pods with a file. */
  readonly #given = new Map<string, number>();
  /** One at a time: two pods would get the same range. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: UserNamespacesOptions) {
    this.#options = options;
  }

  /** Reads what pods with these uids have. Rejects when a file is none of ours. */
  async load(uids: readonly string[]): Promise<void> {
    for (const uid of uids)
      try {
        await this.#read(uid);
      } catch (error) {
        const text = `record pod mappings for existing pod "${uid}": ${messageOf(error)}`;
        throw new Error(text, { cause: error });
      }
  }

  /** The node's, or one of its own. Rejects with upstream's message where it cannot have one. */
  async of(pod: Pod): Promise<UserNamespace> {
    if (pod.spec?.hostUsers !== false) return { mode: NAMESPACE_MODE.node };
    this.#checkHandler(await this.#options.runtimeClasses.handlerOf(pod));
    const uid = pod.metadata?.uid ?? '';
    const first = await this.#alone(() => this.#firstIdOf(uid));
    const ids: IDMapping[] = [{ hostId: first, containerId: 0, length: this.#options.idsPerPod }];
    return { mode: NAMESPACE_MODE.pod, uids: ids, gids: ids };
  }

  /** The ids of the pod are free. Its directory must be gone, or it would have them again. */
  release(uid: string): void {
    this.#given.delete(uid);
  }

  #checkHandler(name: string): void {
    const { runtime } = this.#options;
    const handler = runtime.handler(name);
    if (handler?.userNamespaces === true) return;
    const who = name === '' ? 'runtime does' : `RuntimeClass handler ${JSON.stringify(name)} does`;
    const unknown =
      runtime.handlers.length === 0
        ? ': runtime handlers are not set'
        : `: the handler ${JSON.stringify(name)} is not known`;
    throw new Error(
      `can't set \`spec.hostUsers: false\`, ${who} not support user namespaces${handler === undefined ? unknown : ''}`,
    );
  }

  async #firstIdOf(uid: string): Promise<number> {
    const found = await this.#read(uid);
    if (found !== undefined) return found;
    const first = this.#firstFree();
    const { fileSystem, podDirectory, idsPerPod } = this.#options;
    await fileSystem.makeDirectory(podDirectory(uid), 0o750);
    const ids = [{ hostId: first, containerId: 0, length: idsPerPod }];
    const text = JSON.stringify({ uidMappings: ids, gidMappings: ids });
    await fileSystem.writeFileAtomic(`${podDirectory(uid)}/${FILE}`, text);
    this.#given.set(uid, first);
    return first;
  }

  #firstFree(): number {
    const { range, idsPerPod } = this.#options;
    const taken = new Set(this.#given.values());
    const end = range.first + range.length;
    for (let first = range.first; first < end; first += idsPerPod)
      if (!taken.has(first)) return first;
    const text = 'could not find an empty slot to allocate a user namespace';
    throw new Error(`create user namespace: ${text}`);
  }

  /** Undefined: the pod has no file. Rejects when what is in it cannot be the pod's. */
  async #read(uid: string): Promise<number | undefined> {
    const { fileSystem, podDirectory } = this.#options;
    const path = `${podDirectory(uid)}/${FILE}`;
    if ((await fileSystem.stat(path)) === undefined) return undefined;
    const { hostId, length } = mappingOf(await fileSystem.readText(path));
    const problem = this.#problemOf(uid, hostId, length);
    if (problem !== undefined) throw new Error(`user namespace: ${problem}`);
    this.#given.set(uid, hostId);
    return hostId;
  }

  #problemOf(uid: string, first: number, length: number): string | undefined {
    const { idsPerPod, range } = this.#options;
    const known = this.#given.get(uid);
    if (length !== idsPerPod) return `wrong user namespace length ${length}`;
    if (first % idsPerPod !== 0) return `wrong user namespace offset specified ${first}`;
    if (known !== undefined && known !== first)
      return `different user namespace range already used by pod "${uid}"`;
    if (first < range.first || first >= range.first + range.length)
      return `id ${first} is out of range`;
    if (known === undefined && [...this.#given.values()].includes(first))
      return `range picked for pod "${uid}" already taken`;
    return undefined;
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }
}

interface Mapping {
  readonly hostId: number;
  readonly containerId: number;
  readonly length: number;
}

/** Of the file of a pod: one range, the same for users and groups, from the root of the container. */
function mappingOf(text: string): Mapping {
  const invalid = 'invalid user namespace configuration';
  let file: { readonly uidMappings?: Mapping[]; readonly gidMappings?: Mapping[] };
  try {
    file = JSON.parse(text) as typeof file;
  } catch (error) {
    throw new Error(`invalid user namespace mappings file: ${messageOf(error)}`, { cause: error });
  }
  const { uidMappings: [uids, ...more] = [], gidMappings = [] } = file;
  if (uids === undefined || more.length > 0)
    throw new Error(`${invalid}: no more than one mapping allowed.`);
  if (JSON.stringify(gidMappings) !== JSON.stringify([uids]))
    throw new Error(`${invalid}: GID and UID mapping should be identical`);
  if (uids.containerId !== 0) throw new Error(`${invalid}: UID 0 must be mapped`);
  return uids;
}
