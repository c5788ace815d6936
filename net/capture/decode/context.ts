/** What decoders know beside the packet. */
export interface Context {
  /** How an address is shown: a container's name, or as it is. */
  readonly who: (address: string) => string;
  /** Where the streams of TCP began. */
  readonly streams: Streams;
}

/** The most streams that are remembered; the oldest are forgotten, and count from where they are then. */
const most = 4096;

/** First sequence numbers of TCP streams, so that they can be shown from 0 on. */
export class Streams {
  readonly #first = new Map<string, number>();

  /** Where the stream of this direction began; a SYN, and the first that is seen of it, begin one. */
  first(direction: string, sequence: number, begins: boolean): number {
    const known = begins ? undefined : this.#first.get(direction);
    if (known !== undefined) return known;
    this.#first.delete(direction);
    this.#first.set(direction, sequence);
    const [oldest] = this.#first.keys();
    if (this.#first.size > most && oldest !== undefined) this.#first.delete(oldest);
    return sequence;
  }

  /** Where the stream of this direction began, if that is known. */
  known(direction: string): number | undefined {
    return this.#first.get(direction);
  }
}

/** An address and a port for people: `web:80`, `[fd00::1]:80`. */
export function withPort({ who }: Context, address: string, port: number): string {
  const shown = who(address);
  return shown.includes(":") ? `[${shown}]:${port}` : `${shown}:${port}`;
}
