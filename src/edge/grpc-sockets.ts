/** gRPC on unix sockets, both ends. */
import type { GrpcSockets } from '#base/grpc.ts';
import { openGrpcChannel } from './grpc.ts';
import { serveGrpc } from './grpc-server.ts';

export function realGrpcSockets(): GrpcSockets {
  return { open: (socketPath) => openGrpcChannel({ socketPath }), serve: serveGrpc };
}
