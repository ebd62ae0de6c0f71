/** The runtime in memory behind a gRPC channel, for a kubelet that is whole. */
import { CRI_MESSAGES } from '#api/gen/cri.gen.ts';
import { GRPC_CODE, type GrpcChannel, GrpcError } from '#base/grpc.ts';
import type { CriCallName } from '#kubelet/cri/cri.ts';
import { ProtoCodec } from '#base/proto3.ts';
import type { FakeCri } from './fake-cri.ts';

const codec = new ProtoCodec(CRI_MESSAGES);

/** It has no events: the kubelet lists. */
export function runtimeChannel(cri: FakeCri): GrpcChannel {
  return {
    async unary(path, bytes, options = {}) {
      const method = path.slice(path.lastIndexOf('/') + 1);
      // The kubelet's own table of calls makes these paths.
      const name = `${method[0]?.toLowerCase()}${method.slice(1)}` as CriCallName;
      const request = codec.decode(`${method}Request`, bytes);
      const { signal } = options;
      const answer = await cri.call(name, request, signal === undefined ? {} : { signal });
      return codec.encode(`${method}Response`, answer);
    },
    serverStream: () => Promise.reject(new GrpcError(GRPC_CODE.unimplemented, 'no events')),
    close: () => {},
  };
}
