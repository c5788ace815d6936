import type { SeccompProfile } from "./profile.ts";

/** Calls of the default profile that ordinary services do without. */
const refused: ReadonlySet<string> = new Set([
  ...["mknod", "mknodat", "name_to_handle_at", "memfd_secret", "vmsplice", "fanotify_mark", "unshare"],
  ...[
    "io_cancel",
    "io_destroy",
    "io_getevents",
    "io_pgetevents",
    "io_pgetevents_time64",
    "io_setup",
    "io_submit",
  ],
  ...[
    "adjtimex",
    "clock_adjtime",
    "clock_adjtime64",
    "personality",
    "remap_file_pages",
    "statmount",
    "listmount",
  ],
  ...["process_mrelease", "epoll_ctl_old", "epoll_wait_old", "oldfstat", "oldlstat", "oldstat"],
]);

/** AF_PACKET: packets with headers of one's own. */
const AF_PACKET = 17;

/**
 * The profile of `seccomp=strict`, made of the default one: to be resolved without any capability, so that it stays the
 * same whatever is granted; native calls only; and without what ordinary services never call.
 */
export function strictProfile(profile: SeccompProfile): SeccompProfile {
  return {
    ...profile,
    archMap: profile.archMap.map(({ architecture }) => ({ architecture, subArchitectures: [] })),
    rules: profile.rules.flatMap((rule) => {
      const names = rule.names.filter((name) => rule.action !== "SCMP_ACT_ALLOW" || !refused.has(name));
      const packets = names.includes("socket") && rule.args.some(({ value }) => value === AF_PACKET);
      return names.length === 0 || packets ? [] : [{ ...rule, names }];
    }),
  };
}
