import { NotSupportedError } from "../../supervisor/http/errors.ts";
import type { CreateBody, EndpointBody, HostConfigBody } from "../../supervisor/translate/body.ts";
import { type Collected, pair } from "./collect.ts";

function attachment(name: string, endpoint: EndpointBody | null | undefined, mac: string): string {
  const { IPAMConfig, Aliases, Links, MacAddress } = endpoint ?? {};
  if ((Links ?? []).length > 0)
    throw new NotSupportedError(
      "EndpointsConfig.Links is not supported: containers of a network know each other by name",
    );
  if ((IPAMConfig?.IPv6Address ?? "") !== "")
    throw new NotSupportedError("IPAMConfig.IPv6Address is not supported: networks have IPv4 only");
  const address = IPAMConfig?.IPv4Address ?? "";
  const hardware = (MacAddress ?? "") === "" ? mac : (MacAddress ?? "");
  return [
    pair("name", name),
    ...(address === "" ? [] : [pair("ip", address)]),
    ...(hardware === "" ? [] : [pair("mac-address", hardware)]),
    ...(Aliases ?? []).map((alias) => pair("alias", alias)),
  ].join(",");
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
