import { type Check, type Finding, ok, warn } from "./check.ts";

/** proc(5), /proc/net/udp: the second field is local address and port, both as hexadecimal digits. */
function hasEveryAddress(table: string | undefined): boolean {
  return (table ?? "").split("\n").some((line) => /^0+:0035$/.test(line.trim().split(/\s+/)[1] ?? ""));
}

/** Port 53 of the gateways, at which names are answered. */
export const names: Check = {
  name: "names",
  look: (ground): Finding =>
    ["udp", "udp6"].some((kind) => hasEveryAddress(ground.readText(`/proc/net/${kind}`)))
      ? warn(
          "a program has port 53 of all addresses: containers cannot be asked for by name",
          "let it listen on some addresses only (dnsmasq: bind-interfaces; named: listen-on); ss -ulpn names it",
        )
      : ok("port 53 of the gateways is free for them"),
};
