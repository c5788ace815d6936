import type { Case } from "../case.ts";
import { linkNamed } from "../facts.ts";
import { showTarget } from "../flow.ts";
import { fail, type Hop, pass } from "../hop.ts";
import type { Listener } from "../listeners.ts";
import { enter } from "../station.ts";
import type { Leg } from "../way.ts";

const isLoopback = (address: string): boolean => address.startsWith("127.") || address === "::1";

function hears({ address }: Listener, destination: string): boolean {
  if (address === destination || address === "::") return true;
  return address === "0.0.0.0" ? !destination.includes(":") : address === `::ffff:${destination}`;
}

/** Whether a socket of the station waits for the packet that arrives there. */
export function checkListener(it: Case, leg: Leg): Hop | undefined {
  const { station, flow } = leg;
  const { protocol, destination, destinationPort: port } = flow;
  if (protocol === "icmp") {
    const path = "net/ipv4/icmp_echo_ignore_all";
    const place = { at: station.name, what: "echo" };
    if (destination.includes(":") || station.facts.sysctls[path] !== "1")
      return pass(place, "echo requests are answered");
    return fail(place, "echo-ignored", "net.ipv4.icmp_echo_ignore_all = 1", {
      mend: [`${enter(station)}sysctl -w net.ipv4.icmp_echo_ignore_all=0`],
    });
  }
  if (port === undefined) return undefined;
  const place = { at: station.name, what: `listener ${port}/${protocol}` };
  const same = it.listeners.filter((one) => one.protocol === protocol);
  const there = same.filter((one) => one.port === port);
  const good = there.find((one) => hears(one, destination));
  if (good !== undefined) return pass(place, `listens on ${good.address}:${port}`);
  const shown = same.map(({ address, port: at }) => `${address}:${at}`).join(", ") || "none";
  const evidence = [`${protocol} sockets that wait there: ${shown}`];
  const [loopback] = there.filter(({ address }) => isLoopback(address));
  if (loopback !== undefined && leg.incoming !== undefined) {
    const given = station.given.find(({ address }) => address === destination);
    const link =
      given === undefined ? leg.incoming : (linkNamed(station.facts, given.ifname) ?? leg.incoming);
    const mend = destination.includes(":")
      ? []
      : [
          `${enter(station)}sysctl -w net.ipv4.conf.${link.name.replaceAll(".", "/")}.route_localnet=1`,
          `${enter(station)}iptables -t nat -A PREROUTING -d ${destination} -p ${protocol} --dport ${port} -j DNAT --to-destination ${loopback.address}:${port}`,
        ];
    return fail(place, "loopback-only", `listens on ${loopback.address}:${port} only`, { evidence, mend });
  }
  if (station.kind === "host") {
    const published = it.mappings.find((one) => one.hostPort === port && one.protocol === protocol);
    if (published !== undefined) {
      const where = `${published.hostAddress}:${port}`;
      const mend = `mdocker run -p ${destination}:${port}:${published.containerPort} ...`;
      return fail(
        place,
        "unpublished-port",
        `${published.container} has published it on ${where} only, not on ${destination}`,
        { evidence, mend: [mend] },
      );
    }
    const behind = it.containerListeners.find(
      ({ listener }) => listener.port === port && listener.protocol === protocol,
    );
    if (behind !== undefined) evidence.push(`${behind.container} listens on it, but has not published it`);
    return fail(
      place,
      behind === undefined ? "not-listening" : "unpublished-port",
      `nobody on the host has ${showTarget(flow)}`,
      {
        evidence,
        mend:
          behind === undefined
            ? []
            : [`mdocker run -p ${destination}:${port}:${port}${protocol === "udp" ? "/udp" : ""} ...`],
      },
    );
  }
  const other =
    there.length === 0
      ? "nobody listens"
      : `listens on ${there.map(({ address }) => address).join(", ")} only`;
  return fail(place, "not-listening", `${other} on ${showTarget(flow)}`, {
    evidence,
    mend: [`mdocker restart ${station.name}`],
  });
}
