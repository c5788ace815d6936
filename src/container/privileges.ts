import type { OciProcess } from "../core/oci.ts";
import { hasOneId } from "../core/rootless.ts";
import {
  becomeUser,
  dropFromBounding,
  keepCapabilities,
  noNewPrivileges,
  raiseAmbient,
  setCapabilities,
  setLimit,
  setSeccompFilter,
} from "../program/calls/identity.ts";
import type { PartName, ProgramBuilder } from "../program/step.ts";
import { capabilitiesToDrop, capabilityMask, capabilityNumber } from "../security/capabilities.ts";
import { rlimitNumber } from "../security/rlimits.ts";
import { initFilter } from "../security/seccomp/init-filter.ts";

/** The one capability that pid 1 keeps: to pass signals on to a command that runs as another user. */
const initCapabilities = ["CAP_KILL"];

/**
 * Takes from pid 1, which stays as init, all that it no longer needs once the command is cloned. It runs no code of
 * the image, but what it does not hold cannot be taken from it.
 */
export function confineInit(builder: ProgramBuilder, traced: boolean): void {
  const mask = capabilityMask(initCapabilities);
  builder.add("child", setCapabilities(mask, mask, 0n));
  builder.add("child", noNewPrivileges());
  builder.add("child", {
    ...setSeccompFilter(initFilter(traced), "init"),
    // Not its length: a program that is traced may write down how long its steps took, too.
    text: () => "seccomp(SECCOMP_SET_MODE_FILTER, 0, {for init})",
    reason: "init waits, passes signals on and reaps: it needs no other call",
    // A kernel without seccomp(2): only a container without a profile comes so far.
    tolerate: ["ENOSYS"],
  });
}

/**
 * Gives the process exactly the limits, user, groups and capabilities it shall have. The order matters: limits need
 * CAP_SYS_RESOURCE, the bounding set CAP_SETPCAP, the change of user CAP_SETUID; each step gives up what came before.
 */
export function addPrivileges(
  builder: ProgramBuilder,
  part: PartName,
  process: OciProcess,
  seccomp: { readonly filter: Uint8Array; readonly name: string } | undefined,
): void {
  const { user, rlimits = [] } = process;
  for (const { type, soft, hard } of rlimits)
    builder.add(part, setLimit(rlimitNumber(type), type, soft, hard));
  // Without no_new_privs only CAP_SYS_ADMIN may set a filter, so it cannot wait until the end.
  if (seccomp !== undefined && process.noNewPrivileges !== true) {
    builder.add(part, setSeccompFilter(seccomp.filter, seccomp.name));
  }
  const sets = process.capabilities;
  if (sets !== undefined) {
    for (const { number, name } of capabilitiesToDrop(sets.bounding))
      builder.add(part, dropFromBounding(number, name));
    builder.add(part, keepCapabilities(true));
  }
  // Who mapped themselves alone could not drop the groups that forbid them something: user_namespaces(7), setgroups.
  const identity = becomeUser(user.uid, user.gid, user.additionalGids ?? []);
  builder.addAll(part, hasOneId() ? identity.filter(({ call }) => call !== "setgroups") : identity);
  if (sets !== undefined) {
    builder.add(part, keepCapabilities(false));
    builder.add(
      part,
      setCapabilities(
        capabilityMask(sets.effective),
        capabilityMask(sets.permitted),
        capabilityMask(sets.inheritable),
      ),
    );
    for (const name of sets.ambient) builder.add(part, raiseAmbient(capabilityNumber(name) ?? 0, name));
  }
  if (process.noNewPrivileges === true) builder.add(part, noNewPrivileges());
}
