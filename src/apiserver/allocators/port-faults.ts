/**
 * Finds Services whose node ports contradict each other or the configuration: a range that was
 * changed, a store that was restored from two backups.
 *
 * What is taken is read from the Services themselves (`node-ports.ts`), so nothing can leak and
 * nothing need be written back.
 *
 * Source: upstream pkg/registry/core/service/portallocator/controller/repair.go.
 */
import type { Service } from '#api/gen/core-v1.ts';
import type { Finding } from '../bootstrap/report.ts';
import type { PortRange } from './node-ports.ts';

const REPORTER = 'portallocator-repair-controller';

/** Looks at all Services, one after the other. Of several that have one port, the first keeps it. */
export class PortFaults {
  readonly #range: PortRange;
  readonly #seen = new Set<number>();

  constructor(range: PortRange) {
    this.#range = range;
  }

  of(service: Service): Finding[] {
    const { from, to } = this.#range;
    return nodePortsOf(service).flatMap((port) => {
      const finding = (reason: string, message: string): Finding[] => [
        { about: service, reporter: REPORTER, reason, action: 'PortAllocation', message },
      ];
      if (port < from || port > to) {
        return finding(
          'PortOutOfRange',
          `Port ${port} is not within the port range ${from}-${to}; please recreate service`,
        );
      }
      if (!this.#seen.has(port)) {
        this.#seen.add(port);
        return [];
      }
      return finding(
        'PortAlreadyAllocated',
        `Port ${port} was assigned to multiple services; please recreate service`,
      );
    });
  }
}

/** A port of two protocols counts once; the port of health checks is one of TCP. */
function nodePortsOf({ spec }: Service): number[] {
  const found: number[] = [];
  const protocols = new Map<number, Set<string>>();
  const take = (port: number, protocol: string): void => {
    if (port === 0) return;
    const others = protocols.get(port);
    if (others === undefined || others.has(protocol)) found.push(port);
    protocols.set(port, new Set([...(others ?? []), protocol]));
  };
  for (const { nodePort = 0, protocol = 'TCP' } of spec?.ports ?? []) take(nodePort, protocol);
  take(spec?.healthCheckNodePort ?? 0, 'TCP');
  return found;
}
