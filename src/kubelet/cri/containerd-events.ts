/**
 * Exits of containers as containerd's own event service tells them.
 *
 * The container events of CRI came with containerd 1.7; older ones (Debian 12's 1.6) tell exits
 * only here, on the same socket. Without it an exit would be seen by the next listing. Source:
 * containerd api/services/events/v1/events.proto, api/events/task.proto.
 */
import type { GrpcChannel } from '#base/grpc.ts';
import { ProtoCodec } from '#base/proto3.ts';

const codec = new ProtoCodec({
  SubscribeRequest: [['filters', 1, 'string', 1]],
  Envelope: [
    ['topic', 3, 'string', 0],
    ['event', 4, 'Any', 0],
  ],
  Any: [['value', 2, 'bytes', 0]],
  TaskExit: [
    ['containerId', 1, 'string', 0],
    ['id', 2, 'string', 0],
  ],
});

/** The namespace of containerd in which its CRI plug-in works. */
const FILTER = 'namespace==k8s.io,topic=="/tasks/exit"';

/** Calls `onExit` with the id of each container (or sandbox) that ended. As a stream of CRI. */
export function watchContainerdExits(
  channel: GrpcChannel,
  onExit: (containerId: string) => void,
  signal: AbortSignal,
): Promise<void> {
  return channel.serverStream(
    '/containerd.services.events.v1.Events/Subscribe',
    codec.encode('SubscribeRequest', { filters: [FILTER] }),
    (bytes) => {
      const { event } = codec.decode('Envelope', bytes) as { event?: { value?: Uint8Array } };
      if (event?.value === undefined) return;
      const exit = codec.decode('TaskExit', event.value) as { containerId?: string; id?: string };
      // Processes started by exec have an id of their own.
      if (exit.containerId !== undefined && exit.id === exit.containerId) onExit(exit.containerId);
    },
    signal,
  );
}
