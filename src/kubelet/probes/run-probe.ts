/**
 * One probe of a container: a command, an HTTP request, a TCP connection, a gRPC health check.
 *
 * Upstream: pkg/kubelet/prober/prober.go, pkg/probe/{exec,http,tcp,grpc}, v1.36.
 */
import type {
  Container,
  ExecAction,
  GRPCAction,
  Probe,
  TCPSocketAction,
} from '#api/gen/core-v1.ts';
import type { Network } from '#base/doors.ts';
import { type Environment, timeoutSignal } from '#base/env.ts';
import { messageOf } from '#base/error.ts';
import { GRPC_CODE, type GrpcChannel, GrpcError } from '#base/grpc.ts';
import { expandVariables } from '../container/expansion.ts';
import type { Cri } from '../cri/cri.ts';
import { ProtoCodec } from '#base/proto3.ts';
import { dialError } from '#base/http/dial-error.ts';
import { containerPort, httpGet, httpGetTarget } from './http-get.ts';

/** What a command may print into an event. */
const OUTPUT_BYTES_MAX = 10 * 1024;
const PROBE_USER_AGENT = 'kube-probe/1.36';

export interface ProbeDoors {
  readonly environment: Environment;
  readonly cri: Cri;
  readonly network: Network;
  /** A gRPC channel to a TCP address, for gRPC probes. */
  readonly openGrpc: (address: { readonly host: string; readonly port: number }) => GrpcChannel;
}

export interface ProbeTarget {
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

export interface ProbeResult {
  readonly success: boolean;
  /** For people. */
  readonly output: string;
}

/** Rejects when the probe itself could not be made; that counts for nothing. */
export function runProbe(
  spec: Probe,
  target: ProbeTarget,
  doors: ProbeDoors,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const timeoutMs = (spec.timeoutSeconds ?? 1) * 1000;
  if (spec.exec !== undefined) return probeExec(spec.exec, target, doors, timeoutMs);
  const limit = timeoutSignal(doors.environment, timeoutMs, signal);
  const options = { timeoutMs, signal: limit.signal };
  return probeNetwork(spec, target, doors, options).finally(() => limit.release());
}

interface Limits {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function probeNetwork(
  spec: Probe,
  target: ProbeTarget,
  doors: ProbeDoors,
  limits: Limits,
): Promise<ProbeResult> {
  if (spec.httpGet !== undefined) return probeHttp(spec, target, doors, limits);
  if (spec.tcpSocket !== undefined) return probeTcp(spec.tcpSocket, target, doors, limits);
  if (spec.grpc !== undefined) return probeGrpc(spec.grpc, target, doors, limits);
  throw new Error(`missing probe handler for ${target.container.name}`);
}

async function probeExec(
  { command = [] }: ExecAction,
  { container, containerId }: ProbeTarget,
  { cri }: ProbeDoors,
  timeoutMs: number,
): Promise<ProbeResult> {
  const expanded = expandStatic(command, container);
  const timeout = Math.ceil(timeoutMs / 1000);
  try {
    const answer = await cri.call('execSync', { containerId, cmd: expanded, timeout });
    const { stdout, stderr, exitCode = 0 } = answer;
    const output = Buffer.concat([stdout ?? new Uint8Array(0), stderr ?? new Uint8Array(0)]);
    const text = output.subarray(0, OUTPUT_BYTES_MAX).toString();
    return { success: exitCode === 0, output: text };
  } catch (error) {
    if (!(error instanceof GrpcError) || error.code !== GRPC_CODE.deadlineExceeded) throw error;
    return { success: false, output: `command "${expanded.join(' ')}" timed out` };
  }
}

/** Variables with a literal value only, as upstream: probes do not see the whole environment. */
function expandStatic(command: readonly string[], container: Container): string[] {
  const values = new Map((container.env ?? []).map(({ name, value }) => [name, value ?? '']));
  return command.map((word) => expandVariables(word, (name) => values.get(name)));
}

async function probeHttp(
  spec: Probe,
  { container, podIp }: ProbeTarget,
  { network }: ProbeDoors,
  limits: Limits,
): Promise<ProbeResult> {
  if (spec.httpGet === undefined) throw new Error('no httpGet');
  const target = httpGetTarget(spec.httpGet, container, podIp);
  try {
    const { status } = await httpGet(target, {
      network,
      userAgent: PROBE_USER_AGENT,
      ...limits,
    });
    if (status >= 200 && status < 400) return { success: true, output: '' };
    return { success: false, output: `HTTP probe failed with statuscode: ${status}` };
  } catch (error) {
    return { success: false, output: messageOf(error) };
  }
}

async function probeTcp(
  { host, port: wanted }: TCPSocketAction,
  { container, podIp }: ProbeTarget,
  { network }: ProbeDoors,
  limits: Limits,
): Promise<ProbeResult> {
  const port = containerPort(wanted, container);
  const address = host === undefined || host === '' ? podIp : host;
  try {
    const socket = await network.dial({ host: address, port, ...limits });
    socket.destroy();
    return { success: true, output: '' };
  } catch (error) {
    const where = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
    const late = limits.signal.aborted;
    const output = late ? `dial tcp ${where}: i/o timeout` : dialError(error, where);
    return { success: false, output };
  }
}

/** grpc.health.v1, as in the gRPC health checking protocol. */
const health = new ProtoCodec({
  HealthCheckRequest: [['service', 1, 'string', 0]],
  HealthCheckResponse: [['status', 1, 'enum', 0]],
});
const SERVING = 1;
const HEALTH_STATES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];

async function probeGrpc(
  { port, service = '' }: GRPCAction,
  { podIp }: ProbeTarget,
  { openGrpc }: ProbeDoors,
  limits: Limits,
): Promise<ProbeResult> {
  const channel = openGrpc({ host: podIp, port });
  const address = `${podIp}:${port}`;
  try {
    const request = health.encode('HealthCheckRequest', { service });
    const bytes = await channel.unary('/grpc.health.v1.Health/Check', request, limits);
    const { status } = health.decode('HealthCheckResponse', bytes);
    if (status === SERVING) return { success: true, output: 'service healthy' };
    const state = HEALTH_STATES[Number(status ?? 0)] ?? String(status);
    return { success: false, output: `service unhealthy (responded with "${state}")` };
  } catch (error) {
    return { success: false, output: grpcFailure(error, address, limits.timeoutMs) };
  } finally {
    channel.close();
  }
}

function grpcFailure(error: unknown, address: string, timeoutMs: number): string {
  if (!(error instanceof GrpcError)) return `error: health rpc probe failed: ${String(error)}`;
  if (error.code === GRPC_CODE.unimplemented) {
    return `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${error.description}`;
  }
  if (error.code === GRPC_CODE.deadlineExceeded || error.code === GRPC_CODE.unavailable) {
    return `timeout: failed to connect service "${address}" within ${timeoutMs / 1000}s: ${error.description}`;
  }
  return `error: health rpc probe failed: ${error.message}`;
}
