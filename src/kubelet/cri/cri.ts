/**
 * The container runtime interface as typed calls: `cri.runPodSandbox({ config })`.
 *
 * All calls have one shape, so they are a table: name of the method, messages, time limit.
 * Source: k8s.io/cri-api runtime/v1 api.proto, v0.36. Limits as upstream's
 * (staging/src/k8s.io/cri-client/pkg/remote_runtime.go): 2 minutes, and no limit of our own for
 * what takes as long as it takes.
 */
import type * as messages from '#api/gen/cri-v1.ts';
import { CRI_MESSAGES } from '#api/gen/cri.gen.ts';
import { decodeMessage, encodeMessage } from '#api/codec/protobuf.ts';
import type { GrpcChannel } from '#base/grpc.ts';
