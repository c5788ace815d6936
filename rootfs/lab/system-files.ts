import type { LayerTree } from "../layer-tree.ts";

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
tcpdump:x:100:100:tcpdump:/nonexistent:/usr/sbin/nologin
student:x:1000:1000:student:/home/student:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;

// tty is 5 because devpts is mounted with gid=5.
const group = `root:x:0:
daemon:x:1:
tty:x:5:
disk:x:6:
mail:x:8:
utmp:x:43:
tcpdump:x:100:
student:x:1000:
nogroup:x:65534:
`;

/** Every account is locked: nobody logs in to a container. */
const shadow = passwd.replace(/^([^:]+):.*$/gm, "$1:*:0:0:99999:7:::");

const profile = `# /etc/profile: for login shells.
if [ "$(id -u)" = 0 ]; then
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
else
  PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin
fi
export PATH
if [ -n "$BASH_VERSION" ] && [ -r /etc/bash.bashrc ]; then . /etc/bash.bashrc; fi
`;

// \\u etc. are bash's own: user, host name up to the first dot, working directory, # for root.
const bashrc = `# /etc/bash.bashrc: for interactive shells.
[ -n "$PS1" ] || return
shopt -s checkwinsize
HISTCONTROL=ignoreboth
case $TERM in
dumb | "") PS1='\\u@\\h:\\w\\$ ' ;;
*) PS1='\\[\\e[1;36m\\]\\u@\\h\\[\\e[0m\\]:\\[\\e[1m\\]\\w\\[\\e[0m\\]\\$ ' ;;
esac
alias ls='ls --color=auto' ll='ls -l' grep='grep --color=auto' ip='ip -color=auto'
`;

const ownBashrc = "if [ -r /etc/bash.bashrc ]; then . /etc/bash.bashrc; fi\n";

const osRelease = `NAME="mdocker lab"
ID=mdocker-lab
PRETTY_NAME="mdocker lab"
`;

const nsswitch = `passwd: files
group: files
shadow: files
hosts: files dns
networks: files
protocols: files
services: files
ethers: files
`;

const openssl = `# Enough for openssl req, x509 and s_client.
[req]
distinguished_name = req_distinguished_name
[req_distinguished_name]
commonName = Common Name
`;

// A vim without expressions passes over what is between if and endif.
const vimrc = `set nocompatible backspace=indent,eol,start ruler showcmd
if 1
  let g:skip_defaults_vim = 1
endif
`;

/** The files of the image that are not the host's. They go in first, so that they win over what is copied. */
export function addSystemFiles(tree: LayerTree): void {
  for (const path of [
    "/dev",
    "/proc",
    "/sys",
    "/run",
    "/mnt",
    "/opt",
    "/srv",
    "/etc",
    "/home",
    "/usr/local/bin",
  ]) {
    tree.directory(path);
  }
  for (const path of [
    "/usr/bin",
    "/usr/sbin",
    "/usr/lib",
    "/usr/lib64",
    "/var/lib",
    "/var/log",
    "/var/cache",
  ]) {
    tree.directory(path);
  }
  tree.directory("/root", { mode: 0o700 });
  for (const path of ["/tmp", "/var/tmp"]) tree.directory(path, { mode: 0o1777 });
  for (const name of ["bin", "sbin", "lib", "lib64"]) tree.mergeIntoUsr(name);
  tree.link("/var/run", "/run");
  tree.link("/etc/mtab", "/proc/self/mounts");
  tree.link("/etc/localtime", "/usr/share/zoneinfo/UTC");
  tree.text("/etc/timezone", "UTC\n");
  tree.text("/etc/passwd", passwd);
  tree.text("/etc/group", group);
  tree.text("/etc/shadow", shadow, { mode: 0o600 });
  tree.text("/etc/shells", "/bin/sh\n/bin/bash\n");
  tree.text("/etc/nsswitch.conf", nsswitch);
  tree.text("/etc/host.conf", "multi on\n");
  tree.text("/usr/lib/os-release", osRelease);
  tree.link("/etc/os-release", "/usr/lib/os-release");
  tree.text("/etc/profile", profile);
  tree.text("/etc/bash.bashrc", bashrc);
  tree.text("/root/.bashrc", ownBashrc);
  const student = { uid: 1000, gid: 1000 };
  tree.directory("/home/student", { ...student, mode: 0o755 });
  tree.text("/home/student/.bashrc", ownBashrc, student);
  tree.text("/etc/vim/vimrc.tiny", vimrc);
  tree.text("/etc/vim/vimrc", vimrc);
  tree.link("/usr/share/vim/vimrc", "/etc/vim/vimrc");
  tree.link("/usr/share/vim/vimrc.tiny", "/etc/vim/vimrc.tiny");
  tree.text("/etc/ssl/openssl.cnf", openssl);
  // Files that the container's own are mounted onto.
  for (const name of ["hosts", "hostname", "resolv.conf"]) tree.text(`/etc/${name}`, "");
}
