/**
 * A network for one process and its children: an address on an interface that leads nowhere. So
 * several clusters with real nodes run on one machine, and none of their packets leaves it.
 *
 * It goes with its last process. The network namespaces that are made in it have names of their own
 * (`/run/netns` is another one there), and /sys shows its interfaces.
 */

const SET_UP = `
set -e
mkdir -p /run/netns
mount -t tmpfs tmpfs /run/netns
mkdir /run/netns/.cgroups
mount --rbind /sys/fs/cgroup /run/netns/.cgroups
umount --recursive --lazy /sys
mount -t sysfs sysfs /sys
mount --move /run/netns/.cgroups /sys/fs/cgroup
rmdir /run/netns/.cgroups
ip link set lo up
ip link add eth0 type veth peer name nowhere
ip address add 192.0.2.1/24 dev eth0
ip link set eth0 up
ip link set nowhere up
programs=$1
shift
if [ -n "$programs" ]; then
  for program in "$programs"/*; do
    mount --bind "$program" "/usr/bin/\${program##*/}"
  done
fi
exec "$@"`;

/**
 * The command that runs `line` there; as it is where namespaces cannot be made. Root on Linux.
 * Each file of the folder `programs` stands there in the place of that of its name in `/usr/bin`.
 */
export function inOwnNetwork(line: readonly string[], programs = ''): string[] {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return [...line];
  return [
    'unshare',
    '--net',
    '--mount',
    '--propagation=private',
    'sh',
    '-c',
    SET_UP,
    'sh',
    programs,
    ...line,
  ];
}
