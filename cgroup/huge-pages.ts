import type { OciResources } from "../src/core/oci.ts";
import { countIn } from "./count.ts";
import type { LimitInForce } from "./in-force.ts";
import { type Limit, limit } from "./limit.ts";
import type { ReadFile } from "./limit-rows.ts";

/** Sizes of huge pages on x86_64 and arm64, as the kernel names its files. */
const sizes = ["64KB", "2MB", "32MB", "512MB", "1GB", "16GB"];

/**
 * Two files a size: what is faulted in beyond the first ends the process (SIGBUS), what is mapped beyond the second
 * fails in mmap(2), which is what programs can deal with (Documentation/admin-guide/cgroup-v1/hugetlb.rst).
 * @param most The word for the limit: `max`, `limit_in_bytes`.
 */
export function hugePageLimits(
  limits: OciResources["hugepageLimits"],
  most: "max" | "limit_in_bytes",
): Limit[] {
  const reason = "no more of its memory is in huge pages";
  return (limits ?? []).flatMap(({ pageSize, limit: bytes }) => {
    const value = bytes >= 0 ? bytes : most === "max" ? "max" : -1;
    return ["", "rsvd."].map((kind) =>
      limit("--hugetlb-limit", "hugetlb", `hugetlb.${pageSize}.${kind}${most}`, value, reason),
    );
  });
}

/** Where huge pages are limited. */
export function hugePageRows(
  read: ReadFile,
  files: { most: string; used: string; hits: string },
): LimitInForce[] {
  return sizes.flatMap((size): LimitInForce[] => {
    const file = `hugetlb.${size}.${files.most}`;
    const most = countIn(read(file));
    if (most === undefined) return [];
    const hits = /(?:^max )?(\d+)/m.exec(read(`hugetlb.${size}.${files.hits}`) ?? "")?.[1];
    return [
      {
        ...{ name: `pages of ${size}`, option: "--hugetlb-limit", file, unit: "bytes", limit: most },
        used: countIn(read(`hugetlb.${size}.${files.used}`)),
        hits: [{ what: "times reached", count: Number(hits ?? 0) }],
      },
    ];
  });
}
