/**
 * Which node ports a Service takes when it is written, and what is said when it cannot have them.
 *
 * Source: upstream pkg/registry/core/service/storage/alloc.go (initNodePorts, updateNodePorts,
 * updateHealthCheckNodePort). On create the entries for one service port share a node port; on
 * update each entry stands for itself, as upstream has it.
 */
import { needsHealthCheckPort, needsNodePort } from '#api/core/service-types.ts';
import type { Service, ServicePort, ServiceSpec } from '#api/gen/core-v1.ts';
import { fieldPath, invalidValue } from '#api/meta/field.ts';
import { internalError, invalid, plainError } from '#api/meta/status.ts';
import { messageOf } from '#base/error.ts';
import { getsNodePorts, requestedFor } from './kept-values.ts';
import type { PortTaking } from './node-ports.ts';

const KIND = { group: '', kind: 'Service' };

/** Fills in the ports of `service`. Throws a StatusError; the caller reverts `taking`. */
export async function takePorts(
  service: Service,
  old: ServiceSpec | undefined,
  taking: PortTaking,
): Promise<void> {
  const { spec = {} } = service;
  if (needsNodePort(spec)) {
    const entries = new Entries(service, spec, taking);
    await (old === undefined ? entries.create() : entries.update(old));
  }
  if (needsHealthCheckPort(spec) && !needsHealthCheckPort(old)) await takeHealthPort(spec, taking);
}

class Entries {
  readonly #service: Service;
  readonly #spec: ServiceSpec;
  readonly #taking: PortTaking;

  constructor(service: Service, spec: ServiceSpec, taking: PortTaking) {
    this.#service = service;
    this.#spec = spec;
    this.#taking = taking;
  }

  async create(): Promise<void> {
    const ports = this.#spec.ports ?? [];
    /** Service port → node port. */
    const chosen = new Map<number, number>();
    for (const [index, port] of ports.entries()) {
      if (!port.nodePort && !getsNodePorts(this.#spec)) continue;
      const shared = chosen.get(port.port);
      if (shared === undefined) {
        const asked = requestedFor(ports, port.port);
        if (asked !== 0) await this.#take(index, asked);
        port.nodePort = asked === 0 ? await this.#takeAny() : asked;
        chosen.set(port.port, port.nodePort);
      } else if (!port.nodePort) port.nodePort = shared;
      else if (port.nodePort !== shared) await this.#take(index, port.nodePort);
    }
  }

  async update(old: ServiceSpec): Promise<void> {
    const had = new Set((old.ports ?? []).map(({ nodePort = 0 }) => nodePort));
    const mine = new Set<number>();
    const seen = new Set<string>();
    for (const [index, port] of (this.#spec.ports ?? []).entries()) {
      if (!port.nodePort && !getsNodePorts(this.#spec)) continue;
      if (!port.nodePort) port.nodePort = await this.#takeAny();
      else if (!had.has(port.nodePort) && !mine.has(port.nodePort)) {
        await this.#take(index, port.nodePort);
        mine.add(port.nodePort);
      }
      refuseTwice(port, seen);
    }
  }

  async #take(index: number, port: number): Promise<void> {
    try {
      await this.#taking.take(port);
    } catch (error) {
      const at = fieldPath('spec').child('ports').index(index).child('nodePort');
      const name = this.#service.metadata?.name ?? '';
      throw invalid(KIND, name, [invalidValue(at, port, messageOf(error))]);
    }
  }

  async #takeAny(): Promise<number> {
    try {
      return await this.#taking.takeAny();
    } catch (error) {
      throw internalError(`failed to allocate a nodePort: ${messageOf(error)}`);
    }
  }
}

function refuseTwice({ protocol = 'TCP', nodePort = 0 }: ServicePort, seen: Set<string>): void {
  const text = `{${protocol} ${nodePort}}`;
  if (seen.has(text)) throw plainError(`duplicate nodePort: ${text}`);
  seen.add(text);
}

async function takeHealthPort(spec: ServiceSpec, taking: PortTaking): Promise<void> {
  const asked = spec.healthCheckNodePort ?? 0;
  try {
    if (asked === 0) spec.healthCheckNodePort = await taking.takeAny();
    else await taking.take(asked);
  } catch (error) {
    const what =
      asked === 0 ? 'a HealthCheck NodePort 0' : `requested HealthCheck NodePort ${asked}`;
    throw internalError(`failed to allocate ${what}: ${messageOf(error)}`);
  }
}
