/**
 * Which file says what resolvers this machine asks: `/etc/resolv.conf`, unless all of it is on
 * loopback, where pods and nodes with a network of their own find nobody. Then systemd-resolved
 * runs, and keeps the resolvers behind it in a file of its own.
 *
 * Source: systemd-resolved.service(8); kubeadm gives kubelets the same file.
 */
import { resolversOf } from '#dns/resolv-conf.ts';
import { readTextIfThere } from './files.ts';

const RESOLV_CONF = '/etc/resolv.conf';
const BEHIND_RESOLVED = '/run/systemd/resolve/resolv.conf';

/** An absolute path; the file may be absent. Pure but for `read`, which gives undefined for no file. */
export function resolverFile(read: (path: string) => string | undefined = readTextIfThere): string {
  const resolvers = resolversOf(read(RESOLV_CONF) ?? '', []);
  const isLoopback = resolvers.length > 0 && resolvers.every((one) => /^(127\.|::1$)/.test(one));
  return isLoopback && read(BEHIND_RESOLVED) !== undefined ? BEHIND_RESOLVED : RESOLV_CONF;
}
