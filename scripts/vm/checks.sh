#!/bin/bash
# shellcheck disable=SC2034,SC2010,SC2115
# Run inside a guest: proves that what a container runtime's tests need really works. One line each.
p=0 f=0
ok() { echo "ok   $1"; p=$((p+1)); }; no() { echo "FAIL $1: ${2:-}"; f=$((f+1)); }
t() { local n=$1; shift; local o; if o=$("$@" 2>&1); then ok "$n${o:+ ($(echo "$o" | tail -1 | cut -c1-90))}"; else no "$n" "$(echo "$o" | tail -1 | cut -c1-150)"; fi; }
CG=/sys/fs/cgroup; D=/var/lib/chk; mkdir -p $D
[ "$(stat -fc %T $CG)" = cgroup2fs ] && ok "cgroup2 at $CG: $(cat $CG/cgroup.controllers)" || no cgroup2
for c in memory cpu pids io cpuset; do grep -qw $c $CG/cgroup.subtree_control && ok "controller $c" || no "controller $c"; done
mem() { mkdir $CG/m; echo 20M > $CG/m/memory.max; echo 0 > $CG/m/memory.swap.max 2>/dev/null
  bash -c 'echo $$ > '$CG'/m/cgroup.procs; exec head -c 60M /dev/zero | tail >/dev/null' 2>/dev/null
  grep oom_kill $CG/m/memory.events | head -1; local k; k=$(awk '/^oom_kill /{print $2}' $CG/m/memory.events); for i in 1 2 3 4 5 6 7 8 9 10; do rmdir $CG/m && break; sleep .2; done; [ "$k" -ge 1 ]; }
t memory.max-oom-kill mem
memhigh() { mkdir $CG/h; echo 10M > $CG/h/memory.high; timeout 3 bash -c 'echo $$ > '$CG'/h/cgroup.procs; head -c 30M /dev/zero | tail' >/dev/null 2>&1; sleep .2; grep '^high' $CG/h/memory.events; local k; k=$(awk '/^high /{print $2}' $CG/h/memory.events); echo 1 > $CG/h/cgroup.kill; sleep .3; rmdir $CG/h; [ "$k" -ge 1 ]; }
t memory.high memhigh
psi() { mkdir $CG/ps; local r; cat $CG/ps/memory.pressure | head -1; r=$?; rmdir $CG/ps; test -e /proc/pressure/cpu && [ $r = 0 ] && grep -q some /proc/pressure/memory; }
t PSI psi
cpum() { mkdir $CG/c; echo "20000 100000" > $CG/c/cpu.max; timeout 2 bash -c 'echo $$ > '$CG'/c/cgroup.procs; while :; do :; done'; sleep .1; grep nr_throttled $CG/c/cpu.stat; awk '/usage_usec/{print "usage_ms",$2/1000}' $CG/c/cpu.stat; local k; k=$(awk '/nr_throttled/{print $2}' $CG/c/cpu.stat); rmdir $CG/c; [ "$k" -ge 3 ]; }
t cpu.max-throttling cpum
cpuset() { mkdir $CG/cs || return 1; echo 0 > $CG/cs/cpuset.cpus || return 1; sh -c 'echo $$ > '$CG'/cs/cgroup.procs; grep Cpus_allowed_list /proc/self/status'; local r=$?; rmdir $CG/cs; return $r; }
t cpuset.cpus cpuset
pids() { mkdir $CG/p; echo 5 > $CG/p/pids.max; timeout 10 sh -c 'echo $$ > '$CG'/p/cgroup.procs; for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait' 2>/dev/null; local k; k=$(awk '/^max /{print $2}' $CG/p/pids.events); sleep 1; rmdir $CG/p; echo "pids.events max $k"; [ "$k" -ge 1 ]; }
t pids.max pids
freeze() { mkdir $CG/fz; sleep 50 & local s=$!; echo $s > $CG/fz/cgroup.procs; echo 1 > $CG/fz/cgroup.freeze; sleep .3; grep 'frozen 1' $CG/fz/cgroup.events || return 1; echo 0 > $CG/fz/cgroup.freeze; sleep .3; grep -q 'frozen 0' $CG/fz/cgroup.events || return 1; echo 1 > $CG/fz/cgroup.kill; wait $s; [ $? = 137 ] || return 1; rmdir $CG/fz; }
t cgroup.freeze+cgroup.kill freeze
iom() { mkdir $CG/io; local dev; dev=$(lsblk -no MAJ:MIN "$(findmnt -no SOURCE --target /var/lib | sed 's/\[.*//')" 2>/dev/null | tr -d ' ' | head -1); [ -n "$dev" ] || { echo "no block device under /var/lib"; return 1; }
  echo "$dev wbps=1048576" > $CG/io/io.max || return 1; local a b; a=$(date +%s%N); sh -c 'echo $$ > '$CG'/io/cgroup.procs; dd if=/dev/zero of='$D'/io bs=64k count=48 oflag=direct 2>/dev/null'; b=$(date +%s%N); echo "3 MiB at 1 MiB/s: $(( (b-a)/1000000 )) ms; $(cat $CG/io/io.stat)"; rmdir $CG/io; [ $((b-a)) -gt 2000000000 ]; }
t io.max iom
iow() { ls $CG/*/io.weight $CG/*/io.bfq.weight 2>/dev/null | head -1; mkdir $CG/iw; ls $CG/iw | grep -E '^io\.(weight|bfq.weight)' | head -1; local r; r=$(ls $CG/iw | grep -cE '^io\.(weight|bfq.weight)'); rmdir $CG/iw; [ "$r" -ge 1 ]; }
t io.weight iow
ovl() { mkdir -p $D/{l,u,w,m}; echo a > $D/l/f; mount -t overlay overlay -o lowerdir=$D/l,upperdir=$D/u,workdir=$D/w $D/m || return 1; echo b > $D/m/f; rm $D/m/f; ls -la $D/u | grep -q '^c' || return 1; umount $D/m; findmnt -no FSTYPE --target /var/lib; }
t overlay-on-/var/lib ovl
ovlu() { rm -rf $D/*; unshare -Urm sh -ec "mount -t tmpfs t $D; mkdir -p $D/l $D/u $D/w $D/m; mount -t overlay overlay -o lowerdir=$D/l,upperdir=$D/u,workdir=$D/w,userxattr $D/m; echo x > $D/m/x; echo rootless"; }
t overlay-in-userns ovlu
t userns unshare -Ur sh -c 'id -u; cat /proc/self/uid_map'
t timens unshare -fT --boottime 100000 sh -c 'cut -d. -f1 /proc/uptime'
t cgroupns unshare -C sh -c 'cat /proc/self/cgroup'
t pidns unshare -pf --mount-proc sh -c 'test $$ = 1 && ls /proc | grep -c "^[0-9]"'
piv() { mkdir -p $D/r; unshare -m sh -ec "mount -t tmpfs t $D/r; mkdir $D/r/bin $D/r/old; cp /run/vmrun/busybox $D/r/bin/; cd $D/r; pivot_root . old; exec ./bin/busybox sh -c './bin/busybox umount -l /old; ./bin/busybox ls /'"; }
t pivot_root piv
cat > /tmp/c3.c <<'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <stdint.h>
#include <unistd.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/sched.h>
int main(){int fd=open("/sys/fs/cgroup/c3",O_RDONLY|O_DIRECTORY);struct clone_args a={0};a.flags=CLONE_INTO_CGROUP|CLONE_NEWPID|CLONE_NEWNS|CLONE_NEWNET;a.exit_signal=SIGCHLD;a.cgroup=fd;
long p=syscall(SYS_clone3,&a,sizeof a);if(p<0){perror("clone3");return 1;}if(!p){execlp("cat","cat","/proc/self/cgroup",(char*)0);_exit(9);}int s;waitpid(p,&s,0);return WEXITSTATUS(s);}
C
c3() { gcc -O1 -o /tmp/c3 /tmp/c3.c || return 1; mkdir $CG/c3; /tmp/c3 | grep /c3; local r=$?; rmdir $CG/c3; return $r; }
t clone3-CLONE_INTO_CGROUP c3
t pidfd/seccomp/openat2 sh -c 'grep -c Seccomp_filters /proc/self/status'
# network: everything below lives in network namespaces of this guest, which has no NIC at all
ip netns add a; ip netns add b 2>/dev/null
br() { ip link add br0 type bridge && ip addr add 10.88.0.1/24 dev br0 && ip link set br0 up && ip link add va type veth peer name ea netns a && ip link set va master br0 up && ip -n a addr add 10.88.0.2/24 dev ea && ip -n a link set ea up && ip -n a link set lo up && ip -n a route add default via 10.88.0.1 && ip netns exec a ping -c1 -W3 10.88.0.1 | grep rtt; }
t bridge+veth br
nat() { ip link add vb type veth peer name eb netns b && ip addr add 10.99.0.1/24 dev vb && ip link set vb up && ip -n b addr add 10.99.0.2/24 dev eb && ip -n b link set eb up && echo 1 > /proc/sys/net/ipv4/ip_forward
  ip netns exec a ping -c1 -W1 10.99.0.2 >/dev/null && { echo "reachable without NAT?"; return 1; }
  $1 -t nat -A POSTROUTING -s 10.88.0.0/24 ! -o br0 -m comment --comment x -j MASQUERADE || return 1
  ip netns exec a ping -c2 -W3 10.99.0.2 | grep -E 'received' ; local r=${PIPESTATUS[0]}; $1 -t nat -L -v -n | grep -q MASQ || r=1; $1 -t nat -F; ip link del vb; return $r; }
t iptables-nft-MASQUERADE nat iptables-nft
t iptables-legacy-MASQUERADE nat iptables-legacy
dnat() { for x in iptables-nft iptables-legacy; do $x -t nat -A PREROUTING -p tcp --dport 8080 -m addrtype --dst-type LOCAL -j DNAT --to-destination 10.88.0.2:80 && $x -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT && $x -F FORWARD && $x -t nat -F || { echo $x; return 1; }; done; }
t iptables-DNAT/conntrack/addrtype dnat
ip6() { ip6tables-nft -t nat -A POSTROUTING -s fd00::/64 -j MASQUERADE && ip6tables-nft -t nat -F && ip6tables-legacy -t nat -A POSTROUTING -s fd00::/64 -j MASQUERADE && ip6tables-legacy -t nat -F; }
t ip6tables-both ip6
t nft sh -c 'nft add table inet x && nft add chain inet x y "{ type filter hook input priority 0; }" && nft add rule inet x y ct state established counter accept && nft add table ip n && nft add chain ip n p "{ type nat hook postrouting priority 100; }" && nft add rule ip n p masquerade && nft list ruleset | grep -c masquerade && nft flush ruleset'
brnf() { cat /proc/sys/net/bridge/bridge-nf-call-iptables; }
t br_netfilter brnf
netem() { tc qdisc add dev va root netem delay 100ms || return 1; local r; r=$(ip netns exec a ping -c2 -W3 10.88.0.1 | sed -n 's/.*= [0-9.]*\/\([0-9]*\)\..*/\1/p'); tc qdisc del dev va root; echo "rtt avg $r ms"; [ "$r" -ge 100 ]; }
t netem-delay netem
tbf() { tc qdisc add dev va root tbf rate 1mbit burst 32kbit latency 400ms && tc qdisc replace dev va root htb && tc qdisc del dev va root; }
t tbf/htb tbf
ip link add d0 type dummy 2>/dev/null; ip link set d0 up
l() { ip link add x0 "$@" && ip link set x0 up && ip link del x0; }
t dummy l type dummy
t vlan l link d0 type vlan id 7
t vxlan l type vxlan id 42 dev d0 dstport 4789
t macvlan l link d0 type macvlan mode bridge
t ipvlan l link d0 type ipvlan mode l2
t wireguard l type wireguard
t tun sh -c 'ip tuntap add t0 mode tap && ip link del t0'
t ifb l type ifb
t geneve l type geneve id 5 remote 10.88.0.2
t fuse sh -c 'test -c /dev/fuse || { /run/vmrun/busybox modprobe fuse; test -c /dev/fuse; }'
lo() { truncate -s 20M $D/img; mkfs.ext4 -q $D/img; mkdir -p $D/lm; mount -o loop $D/img $D/lm && umount $D/lm; }
t loop-ext4 lo
t id-mapped-mounts sh -c 'grep -qw tmpfs /proc/filesystems'
echo "== $p ok, $f failed"; [ $f = 0 ]
