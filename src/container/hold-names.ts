import { dropSockets, holdSockets, namesAddresses } from "../../net/dns/sockets.ts";
import type { Succession } from "../../net/dns/succession.ts";
import type { Network } from "../../net/network.ts";
import { messageOf } from "../core/errors.ts";
import type { Instance } from "../core/paths.ts";

/*
 * Who answers names. Port 53 of a network's gateway is taken before the command of its first container runs, so that
 * no question is lost; that somebody answers begins a moment later, when the start is over and nobody waits for it.
 * Where a supervisor runs it is the supervisor; else one of the foreground runs, and when that ends the next.
 */

/** After the command has begun: a short one has ended by then, and has cost nothing. In milliseconds. */
const waitMs = 20;

/** An address of the host's loopback. */
interface HostAddress {
  readonly address: string;
  readonly port: number;
}

/** What this process does for the names of an instance. */
interface Service {
  /** The foreground containers that it is for, by id, and the addresses at which they ask. */
  readonly users: Map<string, Set<string>>;
  supervisor: boolean;
  timer: NodeJS.Timeout | undefined;
  succession: Succession | undefined;
  /** Takes our handlers of signals away. */
  release: (() => void) | undefined;
}

const services = new Map<string, Service>();

function serviceOf({ state }: Instance): Service {
  let found = services.get(state);
  if (found === undefined) {
    found = {
      users: new Map(),
      supervisor: false,
      timer: undefined,
      succession: undefined,
      release: undefined,
    };
    services.set(state, found);
  }
  return found;
}

/**
 * Sees to it that questions on a network find somebody, now or in a moment: of ours, whoever that is.
 * @param foreground The container that this process runs and stays with; undefined for one that is left to the supervisor.
 */
export function holdNames(instance: Instance, network: Network, foreground: string | undefined): void {
  const known = services.get(instance.state);
  // Of a container that lives without us only a supervisor answers: we would take the port with us when we end.
  if (foreground === undefined && known?.supervisor !== true) return;
  if (foreground !== undefined) {
    const { users } = serviceOf(instance);
    const addresses = users.get(foreground) ?? new Set();
    for (const address of namesAddresses(network)) addresses.add(address);
    users.set(foreground, addresses);
  }
  holdSockets(instance, network);
}

type Say = (line: string) => void;

/** Begins to answer, or to wait for it, unless meanwhile nobody wants it any more. */
async function begin(instance: Instance, service: Service, say: Say, forHost?: HostAddress): Promise<void> {
  const { NameServer } = await import("../../net/dns/name-server.ts");
  const { Succession: Made } = await import("../../net/dns/succession.ts");
  if (services.get(instance.state) !== service) return;
  const taken = (address: string): void =>
    say(`warning: names are not resolved: another program has port 53 of ${address}, or the address is gone`);
  const succession = new Made(instance, {
    first: service.supervisor,
    serve: (gone) => new NameServer(instance, { forHost, gone, taken }),
    keep: (address) => [...service.users.values()].some((addresses) => addresses.has(address)),
  });
  service.succession = succession;
  if (!service.supervisor) service.release = standAside(succession);
  succession.open();
}

/** The command of a foreground container runs: from now on names are answered, by us or another. */
export function answerNames(instance: Instance, id: string, say: Say): void {
  const service = services.get(instance.state);
  const addresses = service?.users.get(id);
  if (service === undefined || addresses === undefined || addresses.size === 0) return;
  if (service.succession !== undefined || service.timer !== undefined) return;
  const act = async (): Promise<void> => {
    try {
      await begin(instance, service, say);
    } catch (error) {
      say(`warning: names are not resolved: ${messageOf(error)}`);
    }
  };
  service.timer = setTimeout(() => void act(), waitMs);
  service.timer.unref();
}

/** A foreground container has ended, or was not started after all. With the last one we give up the port. */
export function leaveNames(instance: Instance, id: string): void {
  const service = services.get(instance.state);
  if (service === undefined || !service.users.delete(id)) return;
  if (service.users.size > 0 || service.supervisor) return;
  services.delete(instance.state);
  clearTimeout(service.timer);
  service.release?.();
  service.succession?.close();
  dropSockets(instance);
}

/** Who is stopped, by ^Z in a shell, cannot answer: another one does until we go on. Returns what ends this. */
function standAside(succession: Succession): () => void {
  const stop = (): void => {
    succession.close();
    // What was closed is closed by then.
    setImmediate(() => process.kill(process.pid, "SIGSTOP"));
  };
  const goOn = (): void => succession.open();
  process.on("SIGTSTP", stop);
  process.on("SIGCONT", goOn);
  return () => {
    process.off("SIGTSTP", stop);
    process.off("SIGCONT", goOn);
  };
}

/**
 * Answers the names of all networks for as long as this process lives, in the place of whoever did until now.
 * @param forHost Where the host itself may ask, too. @throws SetupError when another program has that.
 */
export async function superviseNames(
  instance: Instance,
  say: Say,
  forHost?: HostAddress,
): Promise<{ readonly close: () => void }> {
  const { HostListener } = await import("../../net/dns/host-listener.ts");
  const host = forHost === undefined ? undefined : new HostListener(instance, forHost);
  const service = serviceOf(instance);
  service.supervisor = true;
  await begin(instance, service, say, forHost);
  return {
    close: () => {
      services.delete(instance.state);
      host?.close();
      service.succession?.close();
      dropSockets(instance);
    },
  };
}
