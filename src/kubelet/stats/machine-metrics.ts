/**
 * The machine, as `/metrics/cadvisor` tells it. Pure.
 *
 * Source: cAdvisor's metrics/prometheus_machine.go, as of Kubernetes v1.36.
 */
import { familyText, type MetricHead } from '#base/metrics.ts';
import type { MachineFacts } from '../node/machine.ts';

const LABELS = ['boot_id', 'machine_id', 'system_uuid'];

/** `swapBytes`: what there is, used or not. */
export function machineMetrics(machine: MachineFacts, swapBytes: number): string {
  const { bootId, machineId, systemUuid } = machine;
  const labels = [bootId, machineId, systemUuid];
  const gauge = (name: string, help: string, value: number): string => {
    const head: MetricHead = { name, help, labels: LABELS };
    return familyText(head, 'gauge', [{ labels, value }]);
  };
  return [
    gauge('machine_cpu_cores', 'Processors.', machine.cpus),
    gauge('machine_cpu_physical_cores', 'Cores, each of one or more processors.', machine.cores),
    gauge('machine_cpu_sockets', 'Sockets, each of one or more cores.', machine.sockets),
    gauge('machine_memory_bytes', 'Memory.', machine.memoryBytes),
    gauge('machine_swap_bytes', 'Swap.', swapBytes),
  ].join('');
}
