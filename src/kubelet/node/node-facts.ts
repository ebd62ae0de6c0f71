/** What is known of the node when the kubelet starts. */
import type { Node } from '#api/gen/core-v1.ts';
import type { FileSystem } from '#base/doors.ts';
import type { KubeletConfiguration } from '../config/types.ts';
import { readMachine } from './machine.ts';
import { type NodeFacts, nodeObject } from './node-object.ts';
import { nodeAllocatable } from './reservations.ts';

export interface NodeFactsOptions {
  readonly fileSystem: FileSystem;
  readonly configuration: KubeletConfiguration;
  readonly node: Pick<NodeFacts, 'name' | 'ips' | 'hostname' | 'architecture' | 'labels'>;
  /** Made where it is missing. */
  readonly rootDirectory: string;
}

/** `runtimeVersion`: `containerd://1.6.20` */
export async function readNodeFacts(
  { configuration, fileSystem, node, rootDirectory }: NodeFactsOptions,
  runtimeVersion: string,
): Promise<NodeFacts> {
  await fileSystem.makeDirectory(rootDirectory, 0o750);
  const [machine, disk] = await Promise.all([
    readMachine(fileSystem),
    fileSystem.statFileSystem(rootDirectory),
  ]);
  return { ...node, configuration, machine, diskCapacityBytes: disk.capacity, runtimeVersion };
}

/** The node before it was read back from the API. */
export function nodeWithRoom(facts: NodeFacts): Node {
  return { ...nodeObject(facts), status: { allocatable: nodeAllocatable(facts) } };
}
