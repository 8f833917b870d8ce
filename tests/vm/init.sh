#!/usr/bin/busybox sh
# shellcheck shell=dash
# First process of the guest: runs the plan and says on the console what came of it. Lines for run.py begin with "@vm ".
export PATH=/usr/sbin:/usr/bin HOME=/ TMPDIR=/tmp
for name in $(/usr/bin/busybox --list); do [ -e "/usr/bin/$name" ] || /usr/bin/busybox ln -s busybox "/usr/bin/$name"; done
mkdir -p /proc /sys /dev /run /tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir -p /run/netns
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ulimit -c 0

uptime_seconds() { cut -d' ' -f1 /proc/uptime; }

echo "@vm up $(uname -r) $(uptime_seconds)"
for module in /modules/*.ko; do insmod "$module" || echo "@vm trouble insmod $module"; done
ip link set lo up
while read -r name command; do
	echo "@vm begin $name $(uptime_seconds)"
	/usr/bin/sh -c "$command" 2>&1 </dev/null
	echo "@vm end $name $? $(uptime_seconds)"
done </plan
echo "@vm done $(uptime_seconds)"
poweroff -f
