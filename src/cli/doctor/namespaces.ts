import { type Check, type Finding, fail, info, ok } from "./check.ts";

const needed = { mnt: "", pid: "PID_NS", net: "NET_NS", uts: "UTS_NS", ipc: "IPC_NS", cgroup: "CGROUPS" };
const optional = ["user", "time"];

/** The kinds of namespaces that the kernel has. */
export const namespaces: Check = {
  name: "namespaces",
  look: (ground): Finding => {
    const has = (kind: string): boolean => ground.exists(`/proc/self/ns/${kind}`);
    const missing = Object.entries(needed).filter(([kind]) => !has(kind));
    if (missing.length > 0) {
      const options = missing.map(([, option]) => `CONFIG_${option}`).join(", ");
      return fail(`no ${missing.map(([kind]) => kind).join(", ")}`, `boot a kernel with ${options}`);
    }
    const without = optional.filter((kind) => !has(kind));
    const present = [...Object.keys(needed), ...optional.filter(has)].join(" ");
    return without.length === 0 ? ok(present) : info(`${present}; without ${without.join(", ")}`);
  },
};
