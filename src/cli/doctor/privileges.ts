import { capabilityNumber } from "../../security/capabilities.ts";
import { type Check, type Finding, fail, type Ground, ok, warn } from "./check.ts";

/** What a start cannot do without. */
const needed = [
  "CAP_SYS_ADMIN",
  "CAP_NET_ADMIN",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SETGID",
  "CAP_CHOWN",
  "CAP_MKNOD",
];

function effective(ground: Ground): bigint {
  const text = /^CapEff:\s*([0-9a-f]+)$/m.exec(ground.readText("/proc/self/status") ?? "")?.[1];
  return text === undefined ? 0n : BigInt(`0x${text}`);
}

function rootless(ground: Ground): string {
  const on =
    ground.readText("/proc/sys/kernel/unprivileged_userns_clone")?.trim() !== "0" &&
    ground.readText("/proc/sys/user/max_user_namespaces")?.trim() !== "0";
  const ids = (ground.readText("/etc/subuid") ?? "").trim() !== "";
  return `unprivileged user namespaces are ${on ? "on" : "off"}, /etc/subuid ${ids ? "has" : "has no"} ranges`;
}

/** Root, and the capabilities it may lack in a container or a restricted service. */
export const privileges: Check = {
  name: "privileges",
  look: (ground): Finding => {
    if (ground.uid !== 0)
      return fail(
        `not root (${rootless(ground)})`,
        "run mdocker with sudo, or without root: mdocker doctor --rootless tells what that needs",
      );
    const mask = effective(ground);
    const lacks = (name: string): boolean => (mask & (1n << BigInt(capabilityNumber(name) ?? 0))) === 0n;
    const missing = needed.filter(lacks);
    if (missing.length > 0)
      return fail(`root without ${missing.join(", ")}`, "start mdocker with these capabilities");
    return lacks("CAP_SYS_RESOURCE")
      ? warn(
          "root without CAP_SYS_RESOURCE: rlimits above our own hard limits are lowered to them",
          "grant CAP_SYS_RESOURCE to whatever starts mdocker, if containers need higher limits",
        )
      : ok("root with all capabilities that a start needs");
  },
};
