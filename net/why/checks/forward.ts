import type { Case } from "../case.ts";
import { linkOf } from "../facts.ts";
import { fail, type Hop, pass } from "../hop.ts";
import { enter } from "../station.ts";
import type { Leg } from "../way.ts";

/** Whether a station passes on what is not for itself. */
export function checkForwarding({ station, incoming, local, flow }: Leg): Hop | undefined {
  if (incoming === undefined || local) return undefined;
  const { sysctls } = station.facts;
  const place = { at: station.name, what: "forwarding" };
  const all = flow.destination.includes(":") ? "net/ipv6/conf/all/forwarding" : "net/ipv4/ip_forward";
  const off = (path: string): Hop =>
    fail(place, "ip-forward", `${path.replaceAll("/", ".")} = 0`, {
      mend: [`${enter(station)}sysctl -w ${path.replaceAll("/", ".")}=1`],
    });
  if (sysctls[all] === "0") return off(all);
  const own = `net/ipv4/conf/${incoming.name}/forwarding`;
  if (!flow.destination.includes(":") && sysctls[own] === "0") return off(own);
  return pass(place, `${all.replaceAll("/", ".")} = 1`);
}

const modes = ["off", "strict", "loose"];

/** Whether the packet may come in by this link: the reverse path filter of RFC 3704. */
export function checkReversePath(it: Case, { station, incoming, arriving }: Leg): Hop | undefined {
  if (incoming === undefined || arriving.source.includes(":") || arriving.source === "") return undefined;
  const { sysctls } = station.facts;
  const value = (link: string) => Number(sysctls[`net/ipv4/conf/${link}/rp_filter`] ?? 0);
  const mode = Math.max(value("all"), value(incoming.name));
  const place = { at: station.name, what: `rp_filter ${incoming.name}` };
  if (mode === 0) return pass(place, "off");
  const back = it.scene.route(station, { destination: arriving.source });
  const by = "refused" in back ? undefined : linkOf(station.facts, back.link);
  const good = mode === 2 ? !("refused" in back) : by === incoming;
  if (good)
    return pass(place, `${modes[mode]}: answers to ${arriving.source} leave by ${by?.name ?? incoming.name}`);
  const where = "refused" in back ? `have no route (${back.refused})` : `would leave by ${by?.name}`;
  const settings = [...(value("all") === 1 ? ["all"] : []), incoming.name];
  return fail(
    place,
    "rp-filter",
    `${modes[mode]}: answers to ${arriving.source} ${where}, so it is dropped`,
    {
      mend: [`${enter(station)}sysctl -w net.ipv4.conf.${settings.at(-1)?.replaceAll(".", "/")}.rp_filter=2`],
    },
  );
}
