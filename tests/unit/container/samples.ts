import type { RunRequest } from "../../../src/container/request.ts";
import type { SpecFacts } from "../../../src/container/spec.ts";

/** A request that asks for nothing special, with changes. */
export function request(changes: Partial<RunRequest>): RunRequest {
  return {
    root: { kind: "directory", path: "/rootfs" },
    args: [],
    env: [],
    groups: [],
    labels: {},
    interactive: false,
    terminal: false,
    keep: false,
    init: true,
    readOnlyRoot: false,
    mounts: [],
    network: { kind: "none" },
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    extraHosts: [],
    resources: {},
    rlimits: [],
    sysctl: {},
    capAdd: [],
    capDrop: [],
    privileged: false,
    securityOptions: [],
    ...changes,
  };
}

/** Facts about a host and an image that say nothing special, with changes. */
export function facts(changes: Partial<SpecFacts> = {}): SpecFacts {
  return {
    id: "a".repeat(64),
    rootPath: "/merged",
    image: { env: [], cmd: [], entrypoint: [], cwd: "" },
    user: { uid: 0, gid: 0, additionalGids: [], home: "/root" },
    etc: "/etc-files",
    cgroupsPath: "/mdocker/x",
    security: {
      noNewPrivileges: true,
      devices: [],
      deviceRules: [],
      maskedPaths: ["/proc/kcore"],
      readonlyPaths: ["/proc/sys"],
    },
    rlimits: [],
    networkSysctl: {},
    volumePath: (name) => `/volumes/${name}`,
    ...changes,
  };
}
