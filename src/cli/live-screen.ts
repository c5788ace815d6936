import { print } from "./output.ts";

const hideCursor = "\x1b[?25l";
const showCursor = "\x1b[?25h";

/** The length of a line as a terminal shows it. */
function cut(line: string, width: number): string {
  let shown = "";
  let length = 0;
  for (const [part] of line.matchAll(/\x1b\[[0-9;]*m|[\s\S]/gu)) {
    if (!part.startsWith("\x1b")) {
      if (length === width) return `${shown}\x1b[0m`;
      length += 1;
    }
    shown += part;
  }
  return shown;
}

/**
 * Text that is drawn again and again in the same place of a terminal, as far as it fits. The last picture stays when it
 * is closed; the cursor comes back whatever ends the process.
 */
export class LiveScreen {
  #drawn = 0;
  readonly #show = (): void => print(showCursor);

  constructor() {
    process.once("exit", this.#show);
    print(hideCursor);
  }

  /** How wide the terminal is now. */
  get columns(): number {
    return process.stdout.columns || 80;
  }

  draw(text: string): void {
    const { columns } = this;
    const rows = process.stdout.rows || 24;
    const lines = text.replace(/\n$/, "").split("\n");
    const fitting =
      lines.length < rows ? lines : [...lines.slice(0, rows - 2), `(${lines.length - rows + 2} more)`];
    const up = this.#drawn > 1 ? `\x1b[${this.#drawn - 1}A` : "";
    const body = fitting.map((line) => `${cut(line, columns)}\x1b[K`).join("\r\n");
    print(`\r${up}${body}\x1b[J`);
    this.#drawn = fitting.length;
  }

  close(): void {
    process.removeListener("exit", this.#show);
    print(`\n${showCursor}`);
  }
}
