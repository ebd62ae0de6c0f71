/**
 * What upstream's kubelet changes on a machine outside of its own directories, put back at the end:
 * settings of the kernel, a folder of links to logs, the socket for device plug-ins.
 *
 * Source: upstream pkg/kubelet/cm/container_manager_linux.go (setupKernelTunables),
 * pkg/kubelet/kubelet.go (ContainerLogsDir) and the Kubernetes documentation, "Device Plugins".
 */
import {
  existsSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

const SETTINGS = [
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];
const LOG_LINKS = '/var/log/containers';
const DEVICE_PLUGINS = '/var/lib/kubelet/device-plugins';

/** Answers how to put things back as they are now. `logs`: where the logs of pods are. */
export function rememberMachine(logs: string): () => void {
  const settings = SETTINGS.map((name) => join('/proc/sys', name))
    .filter((path) => existsSync(path))
    .map((path) => ({ path, value: readFileSync(path, 'utf8') }));
  const hadDevicePlugins = existsSync(DEVICE_PLUGINS);
  return () => {
    for (const { path, value } of settings)
      if (readFileSync(path, 'utf8') !== value) writeFileSync(path, value);
    removeLinksInto(logs);
    removeIfEmpty(LOG_LINKS);
    if (hadDevicePlugins) return;
    rmSync(DEVICE_PLUGINS, { recursive: true, force: true });
    removeIfEmpty(dirname(DEVICE_PLUGINS));
  };
}

function removeLinksInto(logs: string): void {
  if (!existsSync(LOG_LINKS)) return;
  const links = readdirSync(LOG_LINKS, { withFileTypes: true }).filter((entry) =>
    entry.isSymbolicLink(),
  );
  for (const { name } of links) {
    const path = join(LOG_LINKS, name);
    if (readlinkSync(path).startsWith(`${logs}/`)) rmSync(path);
  }
}

function removeIfEmpty(path: string): void {
  if (existsSync(path) && readdirSync(path).length === 0) rmdirSync(path);
}
