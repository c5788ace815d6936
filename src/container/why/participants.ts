import { closeSync, openSync } from "node:fs";
import type { Network } from "../../../net/network.ts";
import type { Participant } from "../../../net/why/inquiry.ts";
import type { Given } from "../../../net/why/station.ts";
import { hasErrno } from "../../core/errors.ts";
import { isAlive } from "../../sys/process.ts";
import type { ContainerRecord, EndpointRecord } from "../record.ts";

/** What mdocker gave a container, interface by interface. */
function givenOf({ endpoints }: ContainerRecord, networks: readonly Network[]): Given[] {
  return endpoints.map((endpoint: EndpointRecord): Given => {
    const network = networks.find(({ name }) => name === endpoint.network);
    // Of macvlan, ipvlan and cables between containers nothing hangs on a bridge of the host.
    return { ...endpoint, bridge: endpoint.hostName === "" ? "" : (network?.bridge ?? "") };
  });
}

/** The network namespaces of this host and of its containers, open as long as they are looked at. */
export class Participants implements Disposable {
  readonly host: Participant;
  readonly #networks: readonly Network[];
  readonly #open: number[] = [];
  readonly #known = new Map<string, Participant | undefined>();

  constructor(networks: readonly Network[]) {
    this.#networks = networks;
    const netns = this.#keep(openSync("/proc/thread-self/ns/net", "r"));
    this.host = { name: "host", kind: "host", pid: process.pid, netns, given: [] };
  }

  #keep(fd: number): number {
    this.#open.push(fd);
    return fd;
  }

  /** The container's namespace; undefined when it is gone. One on the host's network is the host. */
  of(record: ContainerRecord, lender: (id: string) => ContainerRecord | undefined): Participant | undefined {
    const { id, network } = record;
    if (network.kind === "host") return this.host;
    if (this.#known.has(id)) return this.#known.get(id);
    const owner = network.kind === "container" ? lender(network.container) : record;
    const found = this.#openOf(record, owner ?? record);
    this.#known.set(id, found);
    return found;
  }

  #openOf(record: ContainerRecord, owner: ContainerRecord): Participant | undefined {
    const { init, name } = record;
    if (init === undefined) return undefined;
    try {
      const netns = this.#keep(openSync(`/proc/${init.pid}/ns/net`, "r"));
      // Open before it is looked at: a pid that was given to another process meanwhile shows now.
      if (!isAlive(init)) return undefined;
      return { name, kind: "container", pid: init.pid, netns, given: givenOf(owner, this.#networks) };
    } catch (error) {
      if (hasErrno(error, "ENOENT", "ESRCH", "EACCES")) return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open.splice(0)) closeSync(fd);
  }
}
