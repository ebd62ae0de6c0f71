/** What the guest's disk is made of, as data; its hash names the disk in the cache. */
import { createHash } from 'node:crypto';

/** containerd 2.1, runc 1.3, crun 1.28, Linux 7.2: cgroup v2 alone, idmapped mounts on overlayfs. */
export const SUITE = 'forky';

/** Larger than all that the tests write: the file is sparse, and what they write is thrown away. */
export const DISK_SIZE = '8G';

const INSTALLED = [
  'linux-image-cloud-amd64',
  'cpio',
  'xz-utils',
  'containerd',
  'runc',
  'crun',
  'containernetworking-plugins',
  'nftables',
  'conntrack',
  'iproute2',
  'procps',
  'kmod',
  'apparmor',
  'strace',
  'kubectl',
  'curl',
  // Images are made of what is installed.
  'busybox',
  'catatonit',
  'redis-server',
  'redis-tools',
  'python3-minimal',
  'libpython3-stdlib',
];

/** Kept as files beside: they cannot be installed with the others, or are asked of apt. */
const DOWNLOADED = ['busybox-static', 'catatonit'];

/** The first process: it mounts the repository's disk and leaves the rest to it. */
const INIT = `#!/bin/sh
mount -t proc proc /proc
mkdir -p /repository
mount -t ext4 /dev/vdb /repository
mount -t ext4 -o ro /dev/vdc /repository/node_modules
exec /bin/sh /repository/scripts/vm/guest.sh
`;

/**
 * What the kernel unpacks and runs first: the one module that the disk needs, and no search for
 * others, which takes longer than all the rest where the processor is emulated.
 */
const EARLY_INIT = `#!/bin/busybox sh
/bin/busybox insmod /virtio_blk.ko
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /vm-init
`;

/** Runs as root of the disk when all is installed. It reaches no mirror later: it is its own. */
const PREPARE = `set -e
mkdir /var/lib/test-packages
cd /var/lib/test-packages
apt-get -qq -o APT::Sandbox::User=root download ${DOWNLOADED.join(' ')}
for deb in *.deb; do
  dpkg-deb -f $deb
  echo "Filename: ./$deb"
  echo "Size: $(stat -c %s $deb)"
  echo "SHA256: $(sha256sum $deb | cut -d " " -f 1)"
  echo
done > Packages
rm -rf /etc/apt/sources.list.d /var/lib/apt/lists
echo "deb [trusted=yes] file:/var/lib/test-packages ./" > /etc/apt/sources.list
apt-get -qq update
early=/tmp/early
mkdir -p $early/bin $early/dev $early/root /tmp/busybox
dpkg-deb -x busybox-static_*.deb /tmp/busybox
cp /tmp/busybox/usr/bin/busybox $early/bin/
xz -dc /lib/modules/*/kernel/drivers/block/virtio_blk.ko.xz > $early/virtio_blk.ko
mv /early-init $early/init
chmod 755 $early/init /vm-init
cd $early
find . | cpio --quiet -o -H newc > /boot/early
rm -rf $early /tmp/busybox /boot/initrd.img*
`;

/** Puts those files onto the disk, and runs the last; `$1` is the root. */
const HOOK = `#!/bin/sh
set -e
${[
  ['vm-init', INIT],
  ['early-init', EARLY_INIT],
  ['prepare', PREPARE],
]
  .map(([name, text]) => `cat > "$1/${name}" <<'END'\n${text}END`)
  .join('\n')}
chroot "$1" sh /prepare
rm "$1/prepare"
`;

export interface DiskRecipe {
  readonly key: string;
  /** What `mmdebstrap` is told before its target. */
  readonly options: readonly string[];
  /** A script that it runs, as the text of a file. */
  readonly hook: string;
}

export function diskRecipe(): DiskRecipe {
  const options = [
    '--variant=minbase',
    '--mode=root',
    `--include=${INSTALLED.join(',')}`,
    ...['doc', 'man', 'locale', 'info'].map(
      (name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`,
    ),
    '--aptopt=Apt::Install-Recommends "false"',
    // A mirror may stand still for weeks, as those of test machines do. Signatures are checked.
    '--aptopt=Acquire::Check-Valid-Until "false"',
    '--skip=cleanup/apt/lists',
  ];
  const hash = createHash('sha256').update(JSON.stringify([SUITE, DISK_SIZE, options, HOOK]));
  return { key: hash.digest('hex').slice(0, 12), options, hook: HOOK };
}
