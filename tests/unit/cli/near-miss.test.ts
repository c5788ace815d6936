import fc from "fast-check";
import { expect, test } from "vitest";
import { UsageError } from "../../../src/core/errors.ts";
import { request } from "./parse.ts";
import "../seed.ts";

const numbers = [
  "0",
  "1",
  "-1",
  "65535",
  "65536",
  "1e9",
  "0x10",
  "4294967296",
  "9".repeat(40),
  "1.5",
  "NaN",
  " 1",
];
const paths = [
  "/",
  "/a",
  "a",
  ".",
  "..",
  "/../..",
  "/a/../..",
  "//",
  "/proc/self/fd/3",
  "/a b",
  "\t",
  "é",
  "__proto__",
];

/** Options with a grammar of their own, and what their values are made of: near misses reach further than noise does. */
const grammars: Readonly<Record<string, readonly string[]>> = {
  volume: [...paths, ":", ":", "ro", "rw", "z", "idmap", "rshared", "nocopy", ","],
  mount: [
    "type=",
    "bind",
    "volume",
    "tmpfs",
    "src=",
    "dst=",
    "target=",
    ",",
    ",",
    "=",
    "readonly",
    "ro=",
    "true",
    ...paths,
  ],
  tmpfs: [...paths, ":", ":", "size=", "mode=", "1m", "1777", "exec", ",", ...numbers],
  publish: [...numbers, ":", ":", "-", "/", "tcp", "udp", "sctp", "127.0.0.1", "[::1]", "80", "8080"],
  ulimit: ["nofile", "nproc", "core", "=", "=", ":", ":", "unlimited", "x", ...numbers],
  sysctl: ["net.", "kernel.", "core.somaxconn", "shmmax", "/", "..", "=", "=", ...numbers],
  device: ["/dev/null", "/dev/sda", ":", ":", "rwm", "r", "x", ...paths],
  "device-cgroup-rule": ["a", "b", "c", " ", "*", ":", ":", "rwm", "x", ...numbers],
  "device-read-bps": ["/dev/sda", ":", ":", "1mb", "x", ...numbers],
  memory: [...numbers, "k", "m", "g", "b", "t", "kb", "MiB", "-"],
  "memory-swap": [...numbers, "m", "g", "-"],
  "shm-size": [...numbers, "k", "m", "g"],
  cpus: [...numbers, ".", "/", "e"],
  "cpuset-cpus": [...numbers, "-", "-", ",", ","],
  "cap-add": ["CAP_", "cap_", "NET_ADMIN", "ALL", "sys", "_", "CAP_CAP_", "__proto__", ""],
  "security-opt": [
    "seccomp=",
    "seccomp:",
    "unconfined",
    "no-new-privileges",
    "=",
    "false",
    "apparmor=",
    "label=",
    ...paths,
  ],
  userns: ["auto", "host", "0", ":", ":", ...numbers],
  user: ["root", ":", ":", ...numbers],
  umask: ["0", "7", "8", "0022", ...numbers],
  "add-host": ["db", ":", "=", "10.0.0.1", "::1", "[::1]", "host-gateway", "x y"],
  network: ["host", "none", "bridge", "container:", "name=", "ip=", "10.1.1.1", ",", "=", ":", ...paths],
  "stop-signal": ["SIG", "TERM", "RTMIN", "+", "-", ...numbers],
  "log-opt": ["max-size", "max-file", "=", "=", "1m", ...numbers],
  restart: ["no", "always", "on-failure", ":", ":", ...numbers],
  "health-interval": [...numbers, "s", "ms", "h", "m", "-"],
  "oom-score-adj": numbers,
  "pids-limit": numbers,
};

test.each(Object.keys(grammars))(
  "--%s: a request, or one line that names it and says what is expected",
  async (name) => {
    const value = fc.array(fc.constantFrom(...(grammars[name] ?? [])), { minLength: 1, maxLength: 7 });
    await fc.assert(
      fc.asyncProperty(value, async (pieces) => {
        try {
          await request([`--${name}=${pieces.join("")}`, "lab", "/bin/true"]);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
          const { message } = error as Error;
          expect(message).not.toMatch(/[\n\0]/);
          expect(message).toContain(name);
          expect(message).toMatch(/expected|must|cannot|unknown|needs|did you mean|not |no /);
        }
      }),
      { numRuns: 300 },
    );
  },
);
