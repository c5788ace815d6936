import type { ConnectionWish } from "../../container/connect.ts";
import { NotSupportedError } from "../../supervisor/http/errors.ts";
import type { CreateBody, EndpointBody, HostConfigBody } from "../../supervisor/translate/body.ts";
import { field } from "../number.ts";
import { readAttachment } from "../options/attachment.ts";
import { type Collected, pair } from "./collect.ts";

function attachment(name: string, endpoint: EndpointBody | null | undefined, mac: string): string {
  const { IPAMConfig, Aliases, Links, MacAddress, GwPriority, DriverOpts } = endpoint ?? {};
  if ((Links ?? []).length > 0)
    throw new NotSupportedError(
      "EndpointsConfig.Links is not supported: containers of a network know each other by name",
    );
  const { IPv4Address, IPv6Address, LinkLocalIPs } = IPAMConfig ?? {};
  const given = (key: string, value: string | null | undefined): string[] =>
    (value ?? "") === "" ? [] : [pair(key, value ?? "")];
  const hardware = (MacAddress ?? "") === "" ? mac : (MacAddress ?? "");
  return [
    pair("name", name),
    ...given("ip", IPv4Address),
    ...given("ip6", IPv6Address),
    ...given("mac-address", hardware),
    ...((GwPriority ?? 0) === 0 ? [] : [pair("gw-priority", String(GwPriority))]),
    ...(LinkLocalIPs ?? []).map((address) => pair("link-local-ip", address)),
    ...Object.entries(DriverOpts ?? {}).map(([key, value]) => pair("driver-opt", `${key}=${value}`)),
    ...(Aliases ?? []).map((alias) => pair("alias", alias)),
  ].join(",");
}

/** What is asked of a connection to a network. @throws UsageError, NotSupportedError */
export function translateEndpoint(name: string, endpoint: EndpointBody | null | undefined): ConnectionWish {
  const {
    network: _,
    ifname,
    ...wish
  } = readAttachment({
    value: attachment(name, endpoint, ""),
    from: "EndpointConfig",
  });
  return { ...wish, ...field("ifname", ifname) };
}

/** `default` and no name at all are the default network. */
function canonical(name: string): string {
  return name === "" || name === "default" ? "bridge" : name;
}

/** The networks: that of NetworkMode first, then the others of EndpointsConfig. */
export function collectNetworks(collected: Collected, body: CreateBody, host: HostConfigBody): void {
  const mode = body.NetworkDisabled === true ? "none" : canonical(host.NetworkMode ?? "");
  const from = "HostConfig.NetworkMode";
  if (mode === "none" || mode === "host" || mode.startsWith("container:")) {
    collected.add("network", from, mode);
    return;
  }
  const endpoints = Object.entries(body.NetworkingConfig?.EndpointsConfig ?? {});
  const named = endpoints.find(([name]) => canonical(name) === mode)?.[1];
  collected.add("network", from, attachment(mode, named, body.MacAddress ?? ""));
  for (const [name, endpoint] of endpoints) {
    if (canonical(name) !== mode)
      collected.add("network", "NetworkingConfig", attachment(canonical(name), endpoint, ""));
  }
}
