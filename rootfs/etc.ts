import { readTextIfAny } from "../src/core/atomic.ts";
import { UsageError } from "../src/core/errors.ts";
import { parseResolvConf } from "../src/core/resolv-conf.ts";

/** An IPv4 address in its usual form. node:net would say it too, but costs a start a module. */
function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIpv6(text: string): boolean {
  return /^[0-9a-fA-F:.]+$/.test(text) && text.includes(":") && URL.canParse(`http://[${text}]/`);
}

const isAddress = (text: string): boolean => isIpv4(text) || isIpv6(text);

const hostNamePattern = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/;

/** What /etc/hosts of a container is made from. */
export interface HostsRequest {
  readonly hostname: string;
  readonly domainname?: string | undefined;
  /** Names besides the host name. */
  readonly aliases?: readonly string[] | undefined;
  /** The container's own addresses; none: its name stands for the loopback. */
  readonly addresses: readonly string[];
  /** --add-host: `name:address` or `name=address`; the address may be `host-gateway`. */
  readonly extraHosts: readonly string[];
  /** What `host-gateway` stands for: the host's address on the container's network. */
  readonly gateway: string | undefined;
  /** The host's own /etc/hosts, for a container on the host's network; else the names of the loopback begin the file. */
  readonly host?: string | undefined;
}

const localHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** One --add-host as `address<tab>name`. */
function extraHost(text: string, gateway: string | undefined): string {
  const expected = "expected NAME:ADDRESS, the address an IPv4 or IPv6 one or host-gateway";
  const [, name = "", address = ""] = /^([^:=]*)[:=](.*)$/.exec(text) ?? [];
  if (!hostNamePattern.test(name)) throw new UsageError(`--add-host: ${text}: ${expected}`);
  if (address === "host-gateway") {
    if (gateway === undefined) {
      throw new UsageError(`--add-host: ${text}: the container's network has no gateway to the host`);
    }
    return `${gateway}\t${name}`;
  }
  const bare = /^\[(.*)\]$/.exec(address)?.[1] ?? address;
  if (!isAddress(bare)) throw new UsageError(`--add-host: ${text}: ${expected}`);
  return `${bare}\t${name}`;
}

/**
 * The text of /etc/hosts: localhost or all that the host knows, the --add-host entries, then the container's own name at each of its addresses.
 * @throws UsageError for a malformed --add-host.
 */
export function hostsFile(request: HostsRequest): string {
  const { hostname, domainname, addresses } = request;
  const full = domainname === undefined || domainname === "" ? [] : [`${hostname}.${domainname}`];
  const names = [...full, hostname, ...(request.aliases ?? [])].join(" ");
  const own = (addresses.length > 0 ? addresses : ["127.0.1.1"]).map((address) => `${address}\t${names}`);
  const extra = request.extraHosts.map((text) => extraHost(text, request.gateway));
  const first = request.host?.replace(/(?<!\n)$/, "\n") ?? localHosts;
  return `${first}${[...extra, ...own].map((line) => `${line}\n`).join("")}`;
}

/** The host's /etc/hosts, or undefined. */
export function readHostHosts(path = "/etc/hosts"): string | undefined {
  return readTextIfAny(path);
}

/** The text of /etc/hostname. */
export function hostnameFile(hostname: string): string {
  return `${hostname}\n`;
}

/** What /etc/resolv.conf of a container is made from. */
export interface ResolvConfRequest {
  /** The host's resolv.conf; undefined when it has none. */
  readonly host: string | undefined;
  /** Whether the container shares the host's network, where the host's loopback resolvers answer. */
  readonly hostNetwork: boolean;
  /** Where mdocker answers names on the container's network, and asks the others for it; absent: nowhere. */
  readonly own?: string | undefined;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

/** Only the host itself reaches its loopback, and a zone (`fe80::1%eth0`) names a link of the host. */
function isReachable(address: string): boolean {
  return isAddress(address) && !address.startsWith("127.") && address !== "::1";
}

/** Names without a dot are asked for as they are, before the search domains: those of containers have none. */
function withShortNames(options: readonly string[]): readonly string[] {
  return options.some((option) => option.startsWith("ndots:")) ? options : [...options, "ndots:0"];
}

/**
 * The text of /etc/resolv.conf. What the flags name replaces what the host has, each kind by itself; `--dns-search .`
 * means none. Where mdocker answers itself only it is named: it asks the others. Else nameservers on the host's loopback are left out unless the network is the host's. When none is left the
 * file says so in a comment and names none: mdocker sends nobody's questions to a public server that nobody chose.
 * @throws UsageError for a --dns that is no address.
 */
export function resolvConf(request: ResolvConfRequest): string {
  for (const address of request.dns) {
    if (!isAddress(address)) throw new UsageError(`--dns: ${address}: expected an IPv4 or IPv6 address`);
  }
  const host = parseResolvConf(request.host ?? "");
  const fromHost = request.hostNetwork ? host.nameservers : host.nameservers.filter(isReachable);
  const others = request.dns.length > 0 ? request.dns : fromHost;
  const nameservers = request.own === undefined ? others : [request.own];
  const search =
    request.dnsSearch.length > 0 ? request.dnsSearch.filter((name) => name !== ".") : host.search;
  const asked = request.dnsOptions.length > 0 ? request.dnsOptions : host.options;
  const options = request.own === undefined ? asked : withShortNames(asked);
  const lines = nameservers.map((address) => `nameserver ${address}`);
  if (lines.length === 0) {
    const dropped =
      host.nameservers.length > 0 ? ` (${host.nameservers.join(", ")} only answers on the host)` : "";
    lines.push(`# No nameserver: the host names none that a container reaches${dropped}; use --dns ADDRESS.`);
  }
  if (search.length > 0) lines.push(`search ${search.join(" ")}`);
  if (options.length > 0) lines.push(`options ${options.join(" ")}`);
  return `${lines.join("\n")}\n`;
}

/**
 * The host's resolv.conf, or undefined. Where it only names systemd-resolved's stub on the loopback, the list of real
 * servers that systemd-resolved keeps beside it.
 */
export function readHostResolvConf(
  path = "/etc/resolv.conf",
  behindStub = "/run/systemd/resolve/resolv.conf",
): string | undefined {
  const text = readTextIfAny(path);
  if (text === undefined) return undefined;
  const { nameservers } = parseResolvConf(text);
  const isStub = nameservers.length > 0 && nameservers.every((address) => /^127\.0\.0\.5[34]$/.test(address));
  return (isStub ? readTextIfAny(behindStub) : undefined) ?? text;
}
