import { Attributes } from "./attribute.ts";
import { AF_INET, type Family, ipAttribute, readFamily } from "./ip.ts";
import { type NetlinkRequest, NLM_F_DUMP, structView } from "./message.ts";

const RTM_GETRULE = 34;

/** FRA_* of include/uapi/linux/fib_rules.h. */
const FRA_DST = 1;
const FRA_SRC = 2;
const FRA_IIFNAME = 3;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_OIFNAME = 17;

/** FR_ACT_*, as `ip rule` names them. */
const actions: Readonly<Record<number, string>> = {
  1: "lookup",
  2: "goto",
  3: "nop",
  6: "blackhole",
  7: "unreachable",
  8: "prohibit",
};

/** struct fib_rule_hdr: family · dst_len · src_len · tos · table · res · res · action, u8 each @0 to @7 · flags u32@8. */
const HEADER_SIZE = 12;
const FIB_RULE_INVERT = 2;

/** A rule of policy routing, as `ip rule` shows it. */
export interface PolicyRule {
  readonly priority: number;
  readonly action: string;
  readonly table: number;
  /** `10.0.0.0/8`; absent: all. */
  readonly source?: string | undefined;
  readonly destination?: string | undefined;
  readonly incoming?: string | undefined;
  readonly outgoing?: string | undefined;
  readonly mark?: number | undefined;
  readonly inverted: boolean;
}

/** Asks for the policy rules of one family. */
export function dumpPolicyRules(family: Family = AF_INET): NetlinkRequest {
  const payload = new Uint8Array(HEADER_SIZE);
  payload[0] = family;
  return { type: RTM_GETRULE, flags: NLM_F_DUMP, payload, what: "RTM_GETRULE", change: false };
}

/** Reads the payload of an RTM_NEWRULE. @throws NetlinkFormatError for anything else. */
export function parsePolicyRule(payload: Uint8Array): PolicyRule {
  const view = structView(payload, HEADER_SIZE, "struct fib_rule_hdr");
  const family = readFamily(view.getUint8(0), "fib_rule_hdr family");
  const attributes = new Attributes(payload.subarray(HEADER_SIZE), "RTM_NEWRULE");
  const block = (type: number, name: string, length: number): string | undefined => {
    const address = ipAttribute(attributes, type, name, family);
    return address === undefined ? undefined : `${address}/${length}`;
  };
  const action = view.getUint8(7);
  return {
    priority: attributes.u32(FRA_PRIORITY) ?? 0,
    action: actions[action] ?? `action ${action}`,
    table: attributes.u32(FRA_TABLE) ?? view.getUint8(4),
    source: block(FRA_SRC, "FRA_SRC", view.getUint8(2)),
    destination: block(FRA_DST, "FRA_DST", view.getUint8(1)),
    incoming: attributes.text(FRA_IIFNAME),
    outgoing: attributes.text(FRA_OIFNAME),
    mark: attributes.u32(FRA_FWMARK),
    inverted: (view.getUint32(8, true) & FIB_RULE_INVERT) !== 0,
  };
}
