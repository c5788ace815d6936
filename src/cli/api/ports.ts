import type { CreateBody, HostConfigBody } from "../../supervisor/translate/body.ts";
import type { Collected } from "./collect.ts";

/**
 * Ports, as -p, -P and --expose would say them. A binding without HostIp is bound where the network binds by default:
 * 127.0.0.1, unless it has the option host_binding_ipv4. Of a container without ports of its own, clients send what
 * its image exposes: that is not published, and says nothing.
 */
export function collectPorts(collected: Collected, body: CreateBody, host: HostConfigBody): void {
  for (const port of Object.keys(body.ExposedPorts ?? {})) collected.add("expose", "ExposedPorts", port);
  if (host.PublishAllPorts === true) collected.add("publish-all", "HostConfig.PublishAllPorts", true);
  for (const [port, bindings] of Object.entries(host.PortBindings ?? {})) {
    // A port without a binding is published like one with an empty one.
    const list = bindings === null || bindings === undefined || bindings.length === 0 ? [{}] : bindings;
    for (const { HostIp, HostPort } of list) {
      const address = HostIp ?? "";
      const shown = address.includes(":") ? `[${address}]` : address;
      const value = address === "" ? `${HostPort ?? ""}:${port}` : `${shown}:${HostPort ?? ""}:${port}`;
      collected.add("publish", "HostConfig.PortBindings", value);
    }
  }
}
