import type { OciResources } from "../../core/oci.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import { bytes } from "../number.ts";
import type { OptionTable } from "../option-row.ts";

export const hugePageOptions: OptionTable = {
  heading: "Limits:",
  rows: [{ flags: "--hugetlb-limit <size=bytes>", about: "memory in huge pages of this size: 2MB=64m" }],
};

/** As the kernel names a size of pages: `2MB`, `1GB` (mm/hugetlb_cgroup.c mem_fmt). */
function pageSize(given: Given): string {
  const size = bytes(given);
  const [unit, name] = size >= 2 ** 30 ? [2 ** 30, "GB"] : size >= 2 ** 20 ? [2 ** 20, "MB"] : [1024, "KB"];
  if (size < 1024 || size % unit !== 0 || Math.log2(size) % 1 !== 0)
    return refuse(given, "a size of huge pages, such as 2MB or 1GB");
  return `${size / unit}${name}`;
}

/** Limits of huge pages, the last of each size; undefined when none was asked for. @throws UsageError */
export function readHugePages(flags: Flags): OciResources["hugepageLimits"] | undefined {
  const limits = flags.all("hugetlb-limit").map((given) => {
    const [, size = "", limit = ""] = /^([^=]+)=(.+)$/.exec(given.value) ?? [];
    if (size === "") return refuse(given, "SIZE=BYTES, such as 2MB=64m");
    const most = limit === "-1" || limit === "max" ? -1 : bytes({ value: limit, from: given.from });
    return { pageSize: pageSize({ value: size, from: given.from }), limit: most };
  });
  if (limits.length === 0) return undefined;
  return [...new Map(limits.map((one) => [one.pageSize, one])).values()];
}
