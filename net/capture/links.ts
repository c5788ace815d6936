import { hasErrno } from "../../src/core/errors.ts";
import { NetlinkSocket } from "../../src/sys/mnl.ts";
import { NetlinkClient } from "../netlink/client.ts";
import { getLink, type Link, parseLink } from "../netlink/link.ts";

/** The links of the network namespace that the thread is in when this is made. */
export class Links implements Disposable {
  readonly #socket = new NetlinkSocket();
  readonly #names = new Map<number, string>();

  /** The link of a name or an index; undefined when there is none. */
  find(link: string | number): Link | undefined {
    try {
      return parseLink(new NetlinkClient(this.#socket).get(getLink(link)));
    } catch (error) {
      if (hasErrno(error, "ENODEV")) return undefined;
      throw error;
    }
  }

  /** The name of a link; one that is gone is called by its number. */
  nameOf(index: number): string {
    const known = this.#names.get(index);
    if (known !== undefined) return known;
    const name = this.find(index)?.name ?? `if${index}`;
    this.#names.set(index, name);
    return name;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}
