# What a hostile program may try with files alone. One line each: "NAME<tab>done", "refused" or "absent".
# Harmless also where nothing stops it: files are opened to be written to, and nothing is written.
say() { printf '%s\t%s\n' "$1" "$2"; }
write() {
  for file in $2; do
    [ -e "$file" ] || continue
    if (: >> "$file") 2>/dev/null; then say "$1" "done"; else say "$1" refused; fi
    return
  done
  say "$1" absent
}
# A file that has something to read.
read_some() {
  [ -e "$2" ] || { say "$1" absent; return; }
  if [ "$(timeout 5 dd if="$2" bs=8192 count=1 2>/dev/null | wc -c)" -gt 0 ]; then say "$1" "done"; else say "$1" refused; fi
}
attempt() {
  name=$1; shift
  if "$@" >/dev/null 2>&1; then say "$name" "done"; else say "$name" refused; fi
}

write "sysrq-trigger" /proc/sysrq-trigger
write "core_pattern" /proc/sys/kernel/core_pattern
write "sysctl of the kernel" /proc/sys/kernel/panic
write "sysctl of memory" /proc/sys/vm/swappiness
write "sysctl of the network" /proc/sys/net/ipv4/ip_forward
write "affinity of interrupts" "/proc/irq/default_smp_affinity /proc/irq/0/smp_affinity"
write "sysfs" "/sys/kernel/uevent_helper /sys/kernel/mm/ksm/run /sys/kernel/mm/transparent_hugepage/enabled /sys/kernel/profiling /sys/module/printk/parameters/time"
write "release_agent" "/sys/fs/cgroup/*/release_agent"
write "own limits" "/sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/*/cgroup.procs"
cgroup=/sys/fs/cgroup; [ -e $cgroup/cgroup.procs ] || cgroup=$(ls -d /sys/fs/cgroup/*/ | head -1)
attempt "a cgroup of its own" sh -c "mkdir $cgroup/mine && rmdir $cgroup/mine"
read_some "memory of the kernel" /proc/kcore
read_some "keys" /proc/keys
read_some "timers" /proc/timer_list
read_some "interrupts" /proc/interrupts
read_some "messages of the kernel" /dev/kmsg
attempt "a node of memory" sh -c 'mknod /tmp/mem c 1 1 && rm /tmp/mem'
attempt "a node of a disk" sh -c 'mknod /tmp/disk b 7 0 && rm /tmp/disk'
attempt "a mount" sh -c 'mkdir -p /tmp/m && mount -n -t tmpfs none /tmp/m && umount -n /tmp/m'
attempt "a mount over /proc" sh -c 'mount -n -t tmpfs none /proc/tty && umount -n /proc/tty'
attempt "a mask taken off" sh -c 'umount -n /proc/keys 2>/dev/null || umount -n /sys/firmware'
attempt "/sys made writable" mount -n -o remount,bind,rw /sys
attempt "a namespace of init" sh -c 'exec nsenter -t 1 -m true'
attempt "a new namespace" unshare -m true
attempt "a user namespace" unshare -U true
read_some "the program of init" /proc/1/exe
attempt "the memory of init" sh -c ': < /proc/1/mem'
attempt "the root of init" ls /proc/1/root/
attempt "the host's name" hostname mdocker-attack
