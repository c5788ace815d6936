import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { planCgroup } from "../../../cgroup/plan.ts";
import { readFileIfAny } from "../../../cgroup/processes.ts";
import { isRootless } from "../../core/rootless.ts";
import { countDevicePrograms } from "../../sys/bpf.ts";
import { ifThere } from "../open-files.ts";
import { type Finding, findings, listed } from "./finding.ts";
import { named, type Subject } from "./subject.ts";

const pageSize = 4096;

/** Whether a cgroup file says what was written to it: sizes in whole pages, one line a device, `max 100000`. */
export function isInForce(written: string, found: string): boolean {
  if (found === written) return true;
  if (/^\d+$/.test(written) && /^\d+$/.test(found)) {
    return BigInt(written) - (BigInt(written) % BigInt(pageSize)) === BigInt(found);
  }
  if (/^(-1|max)$/.test(written))
    return found === "max" || found === "-1" || BigInt(/^\d+$/.test(found) ? found : 0) >= 2n ** 62n;
  const words = written.split(" ");
  return found.split("\n").some((line) => {
    const have = line.split(/\s+/);
    return words.every((word, i) => (i === 0 ? have[0] === word : have.includes(word)));
  });
}

function verifyFiles({ cgroups, cgroup, spec }: Subject): Finding[] {
  const { list, add } = findings("limits");
  for (const action of planCgroup(cgroups, cgroup, spec.linux.resources ?? {})) {
    if (action.op === "devices") {
      const directory = openSync(action.directory, "r");
      try {
        const count = countDevicePrograms(directory);
        add("device rules", "a program that decides", `${count} attached`, count > 0);
      } finally {
        closeSync(directory);
      }
    }
    if (action.op !== "write") continue;
    for (const { file, values } of action.targets) {
      // Write-only; what they come to is in devices.list.
      if (file.startsWith("devices.")) continue;
      const found = readFileIfAny(`${action.directory}/${file}`)?.trim();
      if (found === undefined) continue;
      const wanted = values.at(-1) ?? "";
      // A supervisor's tripwire (cgroup/v2/memory-watch.ts).
      if (file === "memory.high" && found === readFileIfAny(`${action.directory}/memory.low`)?.trim()) break;
      const shown = found.replaceAll("\n", "; ");
      add(
        file,
        wanted,
        shown,
        values.every((value) => isInForce(value, found)),
      );
      break;
    }
  }
  return list;
}

/** v1: devices.list has the rules that are in force. */
function verifyDeviceList({ cgroups, cgroup, spec }: Subject): Finding[] {
  const { list, add } = findings("limits");
  const rules = spec.linux.resources?.devices ?? [];
  if (cgroups.driver !== "v1" || rules.length === 0) return list;
  // Who is not root of the host can make no node: there are none to open but those that are looked at in /dev.
  if (isRootless()) return list;
  const text = readFileIfAny(`${cgroups.controllers.get("devices")}/${cgroup}/devices.list`);
  if (text === undefined) {
    add(
      "device rules",
      "in force",
      "no cgroup for them",
      rules.some(({ allow, type = "a" }) => allow && type === "a"),
    );
    return list;
  }
  const part = (number: number | undefined): string => (number === undefined ? "*" : String(number));
  const allowed = new Set(
    rules
      .filter(({ allow }) => allow)
      .map(({ type = "a", major, minor }) => `${type} ${part(major)}:${part(minor)}`),
  );
  const found = text
    .split("\n")
    .filter(Boolean)
    .map((line) => line.replace(/ [rwm]+$/, ""));
  const strange = allowed.has("a *:*") ? [] : found.filter((line) => !allowed.has(line));
  const count = `${allowed.size} allowed`;
  add("device rules", count, strange.length === 0 ? count : `also ${listed(strange)}`);
  return list;
}

/** True when a process is where the limits are, in every hierarchy that has some; also when it has gone. */
export function isLimited(
  { cgroups, cgroup }: Pick<Subject, "cgroups" | "cgroup">,
  pid: number | string,
): boolean {
  const joined = new Set<string>();
  if (cgroups.driver === "v1") {
    for (const [controller, mountPoint] of cgroups.controllers) {
      if (existsSync(`${mountPoint}/${cgroup}`)) joined.add(controller);
    }
  }
  const lines = (ifThere(() => readFileSync(`/proc/${pid}/cgroup`, "utf8")) ?? "").split("\n");
  return lines.every((line) => {
    const [, controllers = "", path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const counts =
      cgroups.driver === "v2" ? controllers === "" : controllers.split(",").some((name) => joined.has(name));
    return line === "" || !counts || `${path}/`.includes(`/${cgroup}/`);
  });
}

function verifyMembership(subject: Subject): Finding[] {
  const { list, add } = findings("limits");
  const { processes } = subject;
  const outside = processes.filter(({ pid }) => !isLimited(subject, pid));
  const all = `all ${processes.length} processes`;
  add("cgroup", all, outside.length === 0 ? all : `not ${listed(outside.map(named))}`);
  return list;
}

/** The limits asked for against the values in the cgroup's files, and who is in the cgroup. */
export function verifyLimits(subject: Subject): Finding[] {
  return [...verifyMembership(subject), ...verifyFiles(subject), ...verifyDeviceList(subject)];
}
