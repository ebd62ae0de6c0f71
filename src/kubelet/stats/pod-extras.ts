/** What of a pod lies outside of its cgroups: network, volumes, logs. */
import type { Pod } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import { podLogDirectory } from '../container/container-config.ts';
import type { VolumePlace } from '../volumes/volume-manager.ts';
import type { CgroupDetails } from './cgroup-details.ts';
import type { DiskUsage, DiskUse } from './disk-usage.ts';
import type { FileSystemRooms } from './file-system-rooms.ts';
import type { PodExtras, PodLook, VolumeLook } from './looks.ts';
import { type InterfaceCounts, interfacesOf } from './proc-text.ts';

export interface PodExtrasOptions {
  readonly fileSystem: FileSystem;
  readonly volumes: { placesOf(pod: Pod): readonly VolumePlace[] };
  readonly rootDirectory: string;
  readonly logRoot: string;
}

interface Wanted {
  readonly uid: string;
  readonly places: readonly VolumePlace[];
  /** What containers can write besides volumes and layers: hosts file, termination messages. */
  readonly ownFiles: readonly string[];
  /** Files, by container. */
  readonly logs: ReadonlyMap<string, readonly string[]>;
  readonly interfaces: readonly InterfaceCounts[] | undefined;
}

/** By uid of the pod. `details`: of its cgroups, by path. */
export async function podExtras(
  options: PodExtrasOptions,
  pods: readonly PodLook[],
  {
    details,
    rooms,
    disk,
  }: {
    readonly details: ReadonlyMap<string, CgroupDetails>;
    readonly rooms: FileSystemRooms;
    readonly disk: DiskUsage;
  },
): Promise<Map<string, PodExtras>> {
  const { fileSystem, rootDirectory, volumes } = options;
  const wanted = await Promise.all(
    pods.map(async (look): Promise<Wanted> => {
      const uid = look.pod.metadata?.uid ?? '';
      return {
        uid,
        places: volumes.placesOf(look.pod),
        ownFiles: ['etc-hosts', 'containers'].map((name) => `${rootDirectory}/pods/${uid}/${name}`),
        logs: await logFiles(options, look),
        interfaces: await podInterfaces(fileSystem, look, details),
      };
    }),
  );
  const uses = await disk.of(
    wanted.flatMap(({ places, ownFiles, logs }) => [
      ...places.map(({ path }) => path),
      ...[...logs.values()].flat(),
      ...ownFiles,
    ]),
  );
  const extras = new Map<string, PodExtras>();
  for (const { uid, places, ownFiles, logs, interfaces } of wanted) {
    extras.set(uid, {
      interfaces,
      volumes: await volumeLooks(places, uses, rooms),
      ownFiles: ownFiles.flatMap((path) => uses.get(path) ?? []),
      logs: new Map(
        [...logs].map(([name, files]) => [name, files.flatMap((file) => uses.get(file) ?? [])]),
      ),
    });
  }
  return extras;
}

async function volumeLooks(
  places: readonly VolumePlace[],
  uses: ReadonlyMap<string, DiskUse>,
  rooms: FileSystemRooms,
): Promise<VolumeLook[]> {
  const looks: VolumeLook[] = [];
  for (const place of places) {
    const use = uses.get(place.path);
    const room = use === undefined ? undefined : await rooms.of(place.fileSystem);
    if (use !== undefined && room !== undefined) looks.push({ place, use, room });
  }
  return looks;
}

async function logFiles(
  { fileSystem, logRoot }: PodExtrasOptions,
  { pod, containers }: PodLook,
): Promise<Map<string, string[]>> {
  const files = new Map<string, string[]>();
  for (const { container } of containers) {
    const directory = `${podLogDirectory(logRoot, pod)}/${container.name}`;
    const names = await fileSystem.list(directory).catch(() => []);
    files.set(
      container.name,
      names.map((name) => `${directory}/${name}`),
    );
  }
  return files;
}

/** As a process of the sandbox sees them. */
async function podInterfaces(
  fileSystem: Pick<FileSystem, 'readText'>,
  { path, sandbox }: PodLook,
  details: ReadonlyMap<string, CgroupDetails>,
): Promise<InterfaceCounts[] | undefined> {
  const [pid] = details.get(`${path}/${sandbox?.id ?? ''}`)?.processes ?? [];
  if (pid === undefined) return undefined;
  const text = await fileSystem.readText(`/proc/${pid}/net/dev`).catch(() => undefined);
  return text === undefined ? undefined : interfacesOf(text);
}
