/**
 * `POST /checkpoint/<namespace>/<pod>/<container>`: the runtime writes the container's state to a
 * file on the node.
 *
 * Source: KEP-2008; Kubernetes documentation "Kubelet Checkpoint API" v1.36. Upstream:
 * pkg/kubelet/server/server.go (checkpoint), pkg/kubelet/kubelet.go (CheckpointContainer). A runtime
 * that cannot do it says so, and the answer is a 500 with its words.
 */
import type { Pod } from '#api/gen/core-v1.ts';
import { timeText } from '#api/meta/time.ts';
import type { FileSystem } from '#base/doors.ts';
import type { Environment } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import type { HttpResponse } from '#base/http/message.ts';
import type { Cri } from '../cri/cri.ts';
import { latestContainer } from '../pod/observed.ts';
import { jsonResponse, textResponse } from './responses.ts';
import type { ServedPods } from './served-pods.ts';

const DIRECTORY_MODE = 0o700;

export interface CheckpointOptions {
  readonly environment: Environment;
  readonly fileSystem: FileSystem;
  readonly cri: Cri;
  readonly pods: ServedPods;
  /** Of the kubelet; checkpoints lie below it. */
  readonly rootDirectory: string;
}

export async function serveCheckpoint(
  {
    pod,
    container,
    query,
  }: {
    readonly pod: Pod | undefined;
    readonly container: string;
    readonly query: URLSearchParams;
  },
  options: CheckpointOptions,
): Promise<HttpResponse> {
  if (pod === undefined) return textResponse(404, 'pod does not exist');
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const all = [...containers, ...initContainers, ...ephemeralContainers];
  if (!all.some(({ name }) => name === container))
    return textResponse(404, `container ${container} does not exist`);
  // Of several, the last one.
  const timeout = query.getAll('timeout').at(-1) ?? '0';
  if (!/^[+-]?[0-9]+$/.test(timeout))
    return textResponse(404, 'cannot parse value of timeout parameter');
  try {
    return jsonResponse({ items: [await checkpoint(pod, container, Number(timeout), options)] });
  } catch (error) {
    const { name = '', namespace = '' } = pod.metadata ?? {};
    const what = `${namespace}/${name}/${container}`;
    return textResponse(500, `checkpointing of ${what} failed (${messageOf(error)})`);
  }
}

/** Gives the path of the file. `timeout`: seconds; 0: as long as the runtime likes. */
async function checkpoint(
  pod: Pod,
  container: string,
  timeout: number,
  { environment, fileSystem, cri, pods, rootDirectory }: CheckpointOptions,
): Promise<string> {
  const { name = '', namespace = '', uid = '' } = pod.metadata ?? {};
  const latest = latestContainer(pods.observed(uid), container);
  if (latest?.state !== 'running') throw new Error(`container ${container} not found`);
  const directory = `${rootDirectory}/checkpoints`;
  const now = timeText(environment.clock.now());
  const location = `${directory}/checkpoint-${name}_${namespace}-${container}-${now}.tar`;
  // What is in the memory of a container is nobody else's business.
  await fileSystem.makeDirectory(directory, DIRECTORY_MODE);
  await cri.call('checkpointContainer', { containerId: latest.id, location, timeout });
  return location;
}
