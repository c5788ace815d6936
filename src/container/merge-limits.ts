import type { OciResources } from "../core/oci.ts";

const groups = ["memory", "cpu", "pids", "blockIO", "hugepageLimits", "unified"] as const;
const lists = [
  "throttleReadBpsDevice",
  "throttleWriteBpsDevice",
  "throttleReadIOPSDevice",
  "throttleWriteIOPSDevice",
  "weightDevice",
] as const;

type BlockLimits = NonNullable<OciResources["blockIO"]>;
interface OfDevice {
  readonly major: number;
  readonly minor: number;
}

function byDevice<T extends OfDevice>(before: readonly T[] = [], changes: readonly T[] = []): T[] {
  return [...new Map([...before, ...changes].map((one) => [`${one.major}:${one.minor}`, one])).values()];
}

/** What is not named stays: another device keeps its rate. */
function mergeBlock(before: BlockLimits, changes: BlockLimits): BlockLimits {
  const merged = lists.flatMap((name) => {
    const list = byDevice<OfDevice>(before[name], changes[name]);
    return list.length === 0 ? [] : [[name, list]];
  });
  return { ...before, ...changes, ...(Object.fromEntries(merged) as BlockLimits) };
}

/** The groups of limits that are changed, each whole: the kernel judges the limits of one together. */
export function changedGroups(before: OciResources, changes: OciResources): OciResources {
  return Object.fromEntries(
    groups.flatMap((name): [string, unknown][] => {
      if (changes[name] === undefined) return [];
      if (name === "hugepageLimits") {
        const list = [...(before[name] ?? []), ...(changes[name] ?? [])];
        return [[name, [...new Map(list.map((one) => [one.pageSize, one])).values()]]];
      }
      const merged =
        name === "blockIO"
          ? mergeBlock(before.blockIO ?? {}, changes.blockIO ?? {})
          : { ...before[name], ...changes[name] };
      return [[name, merged]];
    }),
  ) as OciResources;
}

/** The limits to be kept: a rate of 0 takes one back, and is none for the next start. */
export function withoutLifted(resources: OciResources): OciResources {
  const { blockIO, ...others } = resources;
  if (blockIO === undefined) return resources;
  const kept = Object.entries(blockIO).flatMap(([name, value]) => {
    if (!Array.isArray(value) || name === "weightDevice") return [[name, value]];
    const left = (value as BlockLimits["throttleReadBpsDevice"])?.filter(({ rate }) => rate > 0) ?? [];
    return left.length === 0 ? [] : [[name, left]];
  });
  return kept.length === 0 ? others : { ...others, blockIO: Object.fromEntries(kept) as BlockLimits };
}
