import { readFileSync } from "node:fs";
import { capabilitiesIn, capabilityMask } from "../../security/capabilities.ts";
import { ifThere } from "../open-files.ts";
import { seccompAnnotation } from "../spec.ts";
import { type Finding, findings, listed } from "./finding.ts";
import { named, type Process, type Subject } from "./subject.ts";

/** What one process has beyond the container's capabilities, by set. */
function excess(process: Process, { spec }: Subject): string[] {
  const sets = spec.process.capabilities;
  if (sets === undefined) return [];
  const bounding = capabilityMask(sets.bounding);
  // With no_new_privs no program can gain what its caller has not.
  const most = spec.process.noNewPrivileges === true ? capabilityMask(sets.permitted) : bounding;
  const allowed = process.isInit ? capabilityMask(["CAP_KILL"]) : most;
  return Object.entries(process.capabilities).flatMap(([set, mask]) => {
    // mdocker's pid 1 runs no program of the image: what bounds a program does not matter.
    if (process.isInit && set === "bounding") return [];
    const beyond = mask & ~(set === "bounding" ? bounding : allowed);
    return beyond === 0n ? [] : [`${named(process)} ${set}: ${listed(capabilitiesIn(beyond), 3)}`];
  });
}

/** Capabilities, seccomp and no_new_privs of every process. */
export function verifyPrivileges(subject: Subject): Finding[] {
  const { spec, processes } = subject;
  const { list, add } = findings("privileges");
  const all = `all ${processes.length} processes`;
  const hold = (check: string, expected: string, bad: readonly string[]): void =>
    add(check, expected, bad.length === 0 ? all : listed(bad), bad.length === 0);

  const bounding = spec.process.capabilities?.bounding ?? [];
  const short = bounding.map((name) => name.replace("CAP_", "").toLowerCase());
  const most = bounding.length === 0 ? "none" : `${bounding.length}: ${listed(short, 3)}`;
  hold(
    "capabilities",
    most,
    processes.flatMap((process) => excess(process, subject)),
  );

  const profile = spec.annotations?.[seccompAnnotation];
  if (profile === "unconfined") add("seccomp", "none, as asked", "none, as asked");
  else {
    const bare = processes.filter(
      ({ isInit, seccomp, filters }) => !isInit && (seccomp !== 2 || filters === 0),
    );
    hold(
      "seccomp",
      `a filter (${profile ?? "default"})`,
      bare.map((process) => `${named(process)} has none`),
    );
  }

  const { apparmorProfile } = spec.process;
  if (apparmorProfile !== undefined) {
    const confined = (pid: number): boolean =>
      ifThere(() => readFileSync(`/proc/${pid}/attr/apparmor/current`, "utf8"))?.startsWith(
        `${apparmorProfile} (`,
      ) !== false;
    const free = processes.filter(({ isInit, pid }) => !isInit && !confined(pid));
    hold(
      "AppArmor",
      apparmorProfile,
      free.map((process) => `${named(process)} is not confined by it`),
    );
  }

  const { selinuxLabel } = spec.process;
  if (selinuxLabel !== undefined) {
    const label = (pid: number): string | undefined =>
      ifThere(() => readFileSync(`/proc/${pid}/attr/current`, "utf8"))?.replace(/\0$/, "");
    const others = processes.filter(
      ({ isInit, pid }) => !isInit && (label(pid) ?? selinuxLabel) !== selinuxLabel,
    );
    hold(
      "SELinux",
      selinuxLabel,
      others.map((process) => `${named(process)} has ${label(process.pid) ?? "none"}`),
    );
  }

  if (spec.process.noNewPrivileges === true) {
    const able = processes.filter(({ noNewPrivileges }) => !noNewPrivileges);
    hold(
      "no_new_privs",
      "set",
      able.map((process) => `${named(process)} has it not`),
    );
  } else add("no_new_privs", "not set, as asked", "not set, as asked");
  return list;
}
