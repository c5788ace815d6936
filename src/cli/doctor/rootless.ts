import { accessSync, constants, statSync } from "node:fs";
import { release } from "node:os";
import { findDelegation } from "../../../cgroup/delegated.ts";
import { dataDirectory, runtimeDirectory } from "../../core/rootless.ts";
import { ownRanges, userName } from "../../rootless/ids.ts";
import { tryNamespaces } from "../../rootless/make.ts";
import { waysOut } from "../../rootless/outside.ts";
import { findProgram } from "../../sys/find-program.ts";
import { getXattr } from "../../sys/xattr.ts";
import { type Check, type Finding, fail, info, ok, warn } from "./check.ts";

/** Sysctls that keep ordinary users from making user namespaces, and the value that does so. */
const barriers: readonly (readonly [sysctl: string, closed: string, open: string])[] = [
  ["kernel.unprivileged_userns_clone", "0", "1"],
  ["user.max_user_namespaces", "0", "15000"],
  ["kernel.apparmor_restrict_unprivileged_userns", "1", "0"],
];

const userNamespaces: Check = {
  name: "user namespaces",
  look: ({ readText }): Finding => {
    const refusal = tryNamespaces();
    if (refusal === undefined) return ok("can be made without privilege");
    const barrier = barriers.find(
      ([sysctl, closed]) => readText(`/proc/sys/${sysctl.replaceAll(".", "/")}`)?.trim() === closed,
    );
    return fail(
      refusal,
      barrier === undefined
        ? "a seccomp filter or a security module forbids it: run outside of containers, or allow user namespaces there"
        : `sudo sysctl -w ${barrier[0]}=${barrier[2]}`,
    );
  },
};

/** newuidmap(1) works with the set-user-id bit, or with file capabilities. */
function hasRights(path: string): boolean {
  return (statSync(path).mode & 0o4000) !== 0 || getXattr(path, "security.capability") !== undefined;
}

const ids: Check = {
  name: "subordinate ids",
  look: ({ uid }): Finding => {
    const user = userName() ?? String(uid);
    const single = "containers have no user but root";
    for (const file of ["/etc/subuid", "/etc/subgid"] as const) {
      if (ownRanges(file, uid).length > 0) continue;
      const flags = "--add-subuids 100000-165535 --add-subgids 100000-165535";
      return warn(
        `${file} has no range for ${user}: ${single}`,
        `sudo usermod ${flags} ${user}, with numbers that no other line has`,
      );
    }
    for (const name of ["newuidmap", "newgidmap"]) {
      const program = findProgram(name);
      if (program === undefined)
        return warn(`${name} is not installed: ${single}`, "sudo apt-get install uidmap");
      if (!hasRights(program))
        return warn(`${program} has no rights of its own: ${single}`, `sudo chmod u+s ${program}`);
    }
    const count = ownRanges("/etc/subuid", uid).reduce((sum, range) => sum + range.count, 0);
    return count < 65_535
      ? warn(`only ${count}: images may have users beyond`, "give the user a range of 65536 in /etc/subuid")
      : ok(`${count} for ${user}, newuidmap and newgidmap`);
  },
};

const overlay: Check = {
  name: "overlay",
  look: ({ exists }): Finding => {
    const [major = 0, minor = 0] = release().split(".").map(Number);
    if (major < 5 || (major === 5 && minor < 11))
      return fail(
        `Linux ${major}.${minor} mounts none in a user namespace`,
        "boot Linux 5.11 or later, or use sudo",
      );
    return exists("/sys/module/overlay") || exists("/proc/filesystems")
      ? ok(`in user namespaces, Linux ${major}.${minor}`)
      : warn("unknown: /proc is not mounted", "mount -t proc proc /proc");
  },
};

const directories: Check = {
  name: "directories",
  look: ({ env, uid }): Finding => {
    const [data, runtime] = [dataDirectory(env), runtimeDirectory(env, uid)];
    const found = `${data}, ${runtime}`;
    for (const path of [data, runtime]) {
      const place = existingAbove(path);
      try {
        accessSync(place, constants.W_OK);
      } catch {
        return fail(
          `${place} cannot be written to`,
          "set XDG_DATA_HOME and XDG_RUNTIME_DIR to directories of yours",
        );
      }
    }
    return env["XDG_RUNTIME_DIR"] === undefined
      ? info(
          `${found}; XDG_RUNTIME_DIR is not set`,
          "log in through systemd (pam_systemd), or export XDG_RUNTIME_DIR",
        )
      : ok(found);
  },
};

/** `path`, or what of it is there. */
function existingAbove(path: string): string {
  let at = path;
  while (at !== "/" && statSync(at, { throwIfNoEntry: false }) === undefined)
    at = at.slice(0, at.lastIndexOf("/")) || "/";
  return at;
}

const outside: Check = {
  name: "way outside",
  look: ({ env }): Finding => {
    const [way] = waysOut(env);
    const only = "containers reach each other, and the host their published ports, but nothing outside";
    if (way === undefined)
      return warn(`neither pasta nor slirp4netns: ${only}`, "sudo apt-get install passt, or slirp4netns");
    try {
      accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
      return ok(`${way.name} (${way.command[0]})`);
    } catch {
      return warn(
        `${way.name} may not open /dev/net/tun: ${only}`,
        "sudo modprobe tun; sudo chmod 666 /dev/net/tun",
      );
    }
  },
};

const limits: Check = {
  name: "limits",
  look: (): Finding => {
    const found = findDelegation();
    return "root" in found
      ? ok(`cgroups below ${found.root}`)
      : info(
          `none: ${found.absent}; --memory and the like are refused`,
          "on a host with systemd and cgroup v2, log in as the user (ssh, machinectl shell), not by su",
        );
  },
};

/** What an ordinary user's mdocker needs, in the order of its need. */
export const rootlessChecks: readonly Check[] = [userNamespaces, ids, overlay, directories, outside, limits];
