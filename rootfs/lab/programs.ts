/** Programs of the image `lab` that one Debian package brings. */
export interface ProgramGroup {
  /** The Debian package to name when one is missing. */
  readonly package: string;
  readonly names: readonly string[];
  /** Not missed when the host does not have it. */
  readonly optional?: true;
}

const words = (text: string): string[] => text.trim().split(/\s+/);

/** What the image is made of: tools to look at processes and networks with, and a shell to use them from. */
export const programGroups: readonly ProgramGroup[] = [
  { package: "bash", names: ["bash"] },
  { package: "dash", names: ["sh"] },
  {
    package: "coreutils",
    names:
      words(`[ arch b2sum base32 base64 basename basenc cat chgrp chmod chown chroot cksum comm cp csplit cut
      date dd df dir dircolors dirname du echo env expand expr factor false fmt fold groups head hostid id install
      join link ln logname ls md5sum mkdir mkfifo mknod mktemp mv nice nl nohup nproc numfmt od paste pathchk pinky
      pr printenv printf ptx pwd readlink realpath rm rmdir runcon seq sha1sum sha224sum sha256sum sha384sum
      sha512sum shred shuf sleep sort split stat stdbuf stty sum sync tac tail tee test timeout touch tr true
      truncate tsort tty uname unexpand uniq unlink users vdir wc who whoami yes`),
  },
  { package: "grep", names: ["grep", "egrep", "fgrep"] },
  { package: "sed", names: ["sed"] },
  { package: "mawk", names: ["awk"] },
  { package: "findutils", names: ["find", "xargs"] },
  { package: "diffutils", names: ["diff", "cmp"] },
  { package: "tar", names: ["tar"] },
  { package: "gzip", names: ["gzip", "gunzip", "zcat"] },
  { package: "debianutils", names: ["which"], optional: true },
  { package: "libc-bin", names: ["getent", "ldd"] },
  { package: "hostname", names: ["hostname"] },
  { package: "ncurses-bin", names: ["clear", "tput", "tset", "reset"] },
  {
    package: "procps",
    names: words("free kill pgrep pidwait pkill pmap ps pwdx sysctl tload top uptime vmstat w watch"),
  },
  { package: "sysvinit-utils", names: ["pidof"], optional: true },
  {
    package: "util-linux",
    names:
      words(`chrt dmesg findmnt flock getopt hexdump ionice lscpu lsns more nsenter prlimit setpriv setsid
      taskset unshare`),
  },
  { package: "mount", names: ["mount", "umount"] },
  { package: "less", names: ["less"] },
  { package: "iproute2", names: ["ip", "ss", "bridge", "tc", "nstat"] },
  { package: "iputils-ping", names: ["ping"] },
  { package: "tcpdump", names: ["tcpdump"] },
  { package: "traceroute", names: ["traceroute"] },
  { package: "mtr-tiny", names: ["mtr", "mtr-packet"] },
  { package: "netcat-openbsd", names: ["nc"] },
  { package: "curl", names: ["curl"] },
  { package: "wget", names: ["wget"], optional: true },
  { package: "iperf3", names: ["iperf3"] },
  { package: "bind9-dnsutils", names: ["dig", "nslookup"] },
  { package: "bind9-host", names: ["host"] },
  { package: "ethtool", names: ["ethtool"] },
  { package: "strace", names: ["strace"] },
  { package: "openssl", names: ["openssl"], optional: true },
  { package: "conntrack", names: ["conntrack"] },
  { package: "nftables", names: ["nft"] },
  { package: "iptables", names: words("iptables iptables-save iptables-restore ip6tables ip6tables-save") },
];

/** `vi` and `vim` are the first of these that the host has: the small one needs no runtime files. */
export const editors: readonly string[] = ["vim.tiny", "vim.basic", "vim", "nvi"];

/** Directories of system programs. Not /usr/local: an image is not made from what somebody has put over the system. */
export const programDirectories: readonly string[] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Programs that the build puts into dist/ for the image; each becomes /usr/local/bin/NAME. */
export const packagedPrograms: readonly string[] = [];

/** Libraries that no file names but programs load by name: thread cancellation, and glibc's lookups before 2.34. */
export const loadedLibraries: readonly string[] = [
  "libgcc_s.so.1",
  "libnss_files.so.2",
  "libnss_dns.so.2",
  "libresolv.so.2",
];

/** Plugins, tables and data that programs open by path, with everything below. */
export const dataPaths: readonly string[] = [
  "/etc/iproute2",
  "/usr/share/iproute2",
  "/usr/lib/x86_64-linux-gnu/tc",
  "/usr/lib/aarch64-linux-gnu/tc",
  "/usr/lib/tc",
  "/usr/lib64/tc",
  "/usr/lib/x86_64-linux-gnu/xtables",
  "/usr/lib/aarch64-linux-gnu/xtables",
  "/usr/lib/xtables",
  "/usr/lib64/xtables",
  "/etc/protocols",
  "/etc/services",
  "/etc/ethertypes",
  "/usr/share/zoneinfo/UTC",
  // Only glibc before 2.35 needs a file for C.UTF-8.
  "/usr/lib/locale/C.utf8",
  "/usr/lib/locale/C.UTF-8",
];

/** Where terminal descriptions lie, and the terminals people come from. */
export const terminfoDirectories: readonly string[] = [
  "/etc/terminfo",
  "/lib/terminfo",
  "/usr/share/terminfo",
];
export const terminals: readonly string[] = words(
  "ansi dumb linux rxvt screen screen-256color tmux tmux-256color vt100 vt102 vt220 xterm xterm-256color xterm-color",
);

/** The certificate authorities that the host trusts, as distributions name the file. */
export const certificateBundles: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];
