import type { RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import { type Flags, refuse } from "../flags.ts";
import type { OptionTable } from "../option-row.ts";

export const sysctlOptions: OptionTable = {
  heading: "Limits:",
  rows: [
    { flags: "--sysctl <name=value>", about: "kernel parameter of the container: net.ipv4.ip_forward=1" },
  ],
};

/** Parameters that belong to a namespace: any other would change the host (namespaces of ipc, and of the network). */
const namespaced =
  /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced|msg_next_id|sem_next_id|shm_next_id)|fs\.mqueue\.[\w-]+|net\.[\w.:-]+)$/;

/** Kernel parameters of the container's own namespaces, by dotted name. @throws UsageError */
export function readSysctl(flags: Flags): RunRequest["sysctl"] {
  const found = new Map<string, string>();
  const network = flags.one("network");
  for (const given of flags.all("sysctl")) {
    const equals = given.value.indexOf("=");
    const name = given.value.slice(0, Math.max(0, equals)).trim();
    const value = given.value.slice(equals + 1).trim();
    if (name === "" || value === "" || value.includes("\0")) refuse(given, "NAME=VALUE");
    // sysctl(8) takes both spellings; with slashes a dot belongs to the name of an interface.
    const dotted = name.includes("/") && !name.includes(".") ? name.replaceAll("/", ".") : name;
    if (!namespaced.test(dotted) || dotted.includes("..") || dotted.endsWith(".")) {
      refuse(
        given,
        "a parameter of its own namespaces: net.*, fs.mqueue.*, kernel.msg*, kernel.sem or kernel.shm*",
      );
    }
    if (dotted.startsWith("net.") && (network?.value === "host" || network?.value.startsWith("container:"))) {
      throw new UsageError(
        `${given.from}: ${dotted}: would change the network of ${network.value}, which is not its own`,
      );
    }
    found.set(dotted, value);
  }
  return Object.fromEntries(found);
}
