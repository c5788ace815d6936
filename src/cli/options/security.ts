import type { RunRequest } from "../../container/request.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import type { OptionTable } from "../option-row.ts";

export const securityOptions: OptionTable = {
  heading: "Security:",
  rows: [
    { flags: "--cap-add <capability>", about: "grant a capability: NET_ADMIN, or ALL" },
    { flags: "--cap-drop <capability>", about: "take one away: CHOWN, or ALL" },
    { flags: "--privileged", about: "all capabilities, all devices, no seccomp filter" },
    {
      flags: "--security-opt <option>",
      about: "no-new-privileges[=false], seccomp=FILE|strict|unconfined, systempaths=unconfined",
    },
  ],
};

type Security = Pick<RunRequest, "capAdd" | "capDrop" | "privileged" | "securityOptions">;

/** Capability names by their canonical form. Only who names one loads the table of them. */
async function capabilities(given: readonly Given[]): Promise<string[]> {
  if (given.length === 0) return [];
  const { parseCapability } = await import("../../security/capabilities.ts");
  return given.map(({ value, from }) => parseCapability(value, from));
}

/** What the container may do. @throws UsageError */
export async function readSecurity(flags: Flags): Promise<Security> {
  for (const option of flags.all("security-opt")) {
    if (option.value === "" || option.value.includes("\0")) refuse(option, "NAME[=VALUE]");
  }
  return {
    capAdd: await capabilities(flags.all("cap-add")),
    capDrop: await capabilities(flags.all("cap-drop")),
    privileged: flags.flag("privileged") ?? false,
    securityOptions: flags.all("security-opt").map(({ value }) => value),
  };
}
