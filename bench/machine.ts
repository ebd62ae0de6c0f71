/** The machine that a bench runs on: what it is, and whether it is busy with something else. */
import { availableParallelism, cpus, loadavg, networkInterfaces, release, totalmem } from 'node:os';

/** Load average of the last minute by core; above this, times tell more of the others than of us. */
const BUSY_LOAD_PER_CORE = 0.5;
const GIGABYTE = 1024 ** 3;

/** `2 cores (Some Processor), 7.8 GB, Linux 6.1.0, Node v26.10.0`. */
export function machineText(): string {
  const model = cpus()[0]?.model.trim() || 'unknown processor';
  return (
    `${availableParallelism()} cores (${model}), ${(totalmem() / GIGABYTE).toFixed(1)} GB, ` +
    `${process.platform} ${release()}, Node ${process.version}`
  );
}

/** Load averages of 1, 5 and 15 minutes. */
export function loadText(): string {
  return loadavg()
    .map((load) => load.toFixed(2))
    .join(', ');
}

/** What to say when the machine is busy before anything was started; undefined when it is quiet. */
export function busyText(
  load = loadavg()[0] ?? 0,
  cores = availableParallelism(),
): string | undefined {
  if (load <= BUSY_LOAD_PER_CORE * cores) return undefined;
  return (
    `The machine is busy: its load is ${load.toFixed(2)} on ${cores} cores, above ` +
    `${BUSY_LOAD_PER_CORE} a core. The figures will be worse than those of a quiet one.`
  );
}

/** The first IPv4 address that is no loopback: upstream publishes no other as the API server's. */
export function machineAddress(): string {
  const addresses = Object.entries(networkInterfaces())
    // Ours and other programs' bridges are no way to the machine.
    .filter(([name]) => !/^(cox|docker|veth|cni|br-)/.test(name))
    .flatMap(([, list]) => list ?? []);
  const own = addresses.find(({ family, internal }) => family === 'IPv4' && !internal);
  return own?.address ?? '127.0.0.1';
}
