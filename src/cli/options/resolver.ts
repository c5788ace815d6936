import type { RunRequest } from "../../container/request.ts";
import { UsageError } from "../../core/errors.ts";
import { isAddress } from "../address.ts";
import { type Flags, type Given, refuse } from "../flags.ts";
import type { OptionTable } from "../option-row.ts";

export const resolverOptions: OptionTable = {
  heading: "Network:",
  rows: [
    { flags: "--dns <address>", about: "name server; else those of the host" },
    { flags: "--dns-search <domain>", about: "search domain; . for none" },
    { flags: "--dns-option <option>", about: "option of resolv.conf(5)" },
    { flags: "--add-host <name:address>", about: "line for /etc/hosts" },
  ],
};

function parseHost(given: Given): string {
  // An IPv6 address has colons, a name has none.
  const [, name = "", rest = ""] = /^([^:=]*)[:=](.*)$/s.exec(given.value) ?? [];
  const address = rest.startsWith("[") && rest.endsWith("]") ? rest.slice(1, -1) : rest;
  // docker's word for the host's address on the container's network.
  const known = isAddress(address) || address === "host-gateway";
  if (!/^[a-z0-9]([\w.-]*[a-z0-9])?$/i.test(name) || !known) {
    refuse(given, "NAME:ADDRESS, such as db:10.200.1.9 or host:host-gateway");
  }
  return `${name}:${address}`;
}

type Resolver = Pick<RunRequest, "dns" | "dnsSearch" | "dnsOptions" | "extraHosts">;

/** How names are resolved in the container. @throws UsageError */
export function readResolver(flags: Flags): Resolver {
  const shared = flags.one("network");
  if (shared?.value.startsWith("container:")) {
    for (const name of ["dns", "dns-search", "dns-option", "add-host", "hostname"]) {
      const given = flags.one(name);
      if (given !== undefined) {
        throw new UsageError(
          `${given.from}: names are those of the other container with --network ${shared.value}`,
        );
      }
    }
  }
  for (const server of flags.all("dns"))
    if (!isAddress(server.value)) refuse(server, "the address of a name server");
  for (const domain of flags.all("dns-search")) {
    if (!/^(\.|[a-z0-9_]([\w.-]*[a-z0-9_.])?)$/i.test(domain.value)) refuse(domain, "a domain name");
  }
  for (const option of flags.all("dns-option")) {
    if (!/^[a-z0-9-]+(:\d+)?$/i.test(option.value))
      refuse(option, "an option of resolv.conf(5), such as ndots:2");
  }
  return {
    dns: flags.all("dns").map(({ value }) => value),
    dnsSearch: flags.all("dns-search").map(({ value }) => value),
    dnsOptions: flags.all("dns-option").map(({ value }) => value),
    extraHosts: flags.all("add-host").map(parseHost),
  };
}
