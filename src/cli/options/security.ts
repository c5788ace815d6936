import type { RunRequest } from "../../container/request.ts";
import { parseCapability } from "../../security/capabilities.ts";
import { type Flags, refuse } from "../flags.ts";
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

/** What the container may do. @throws UsageError */
export function readSecurity(flags: Flags): Security {
  for (const option of flags.all("security-opt")) {
    if (option.value === "" || option.value.includes("\0")) refuse(option, "NAME[=VALUE]");
  }
  const capabilities = (flag: string): string[] =>
    flags.all(flag).map(({ value, from }) => parseCapability(value, from));
  return {
    capAdd: capabilities("cap-add"),
    capDrop: capabilities("cap-drop"),
    privileged: flags.flag("privileged") ?? false,
    securityOptions: flags.all("security-opt").map(({ value }) => value),
  };
}
