/**
 * An IPv6 address as inet_ntop(3) writes it, which is how iptables-save prints it; undefined when it is none, or has a
 * zone. Plain code: only those who name one pay for it.
 */
export function canonicalIpv6(text: string): string | undefined {
  if (!/^[0-9a-fA-F:.]{2,45}$/.test(text) || !text.includes(":")) return undefined;
  try {
    // The URL standard shortens addresses in the same way (RFC 5952).
    return new URL(`http://[${text}]/`).hostname.slice(1, -1);
  } catch {
    return undefined;
  }
}

/** The 16 bytes of an address in network order. The address was checked before. */
export function ipv6Bytes(text: string): Uint8Array {
  const [head = "", tail] = (canonicalIpv6(text) ?? "").split("::");
  const groups = (part: string): number[] =>
    part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16));
  const [front, back] = [groups(head), groups(tail ?? "")];
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  const all = [...front, ...new Array<number>(zeros).fill(0), ...back];
  if (all.length !== 8 || all.some(Number.isNaN)) throw new Error(`not an IPv6 address: ${text}`);
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255]));
}
