import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLMap } from "yaml";
import { UsageError } from "../../core/errors.ts";
import type { Given } from "../flags.ts";
import type { Draft } from "./draft.ts";
import { type ConfigKey, cgroupKeys, topKeys } from "./keys.ts";
import { refuseKey } from "./unknown-key.ts";
import { splitWords } from "./words.ts";

/** A node of the document with the path of keys that leads to it. */
interface Place {
  readonly node: unknown;
  /** `cgroups.memory` */
  readonly path: string;
  readonly line: number;
}

const bracketed = (value: string): string =>
  /[,"]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;

/** Walks a YAML document with its line numbers. */
class Reader {
  readonly #draft: Draft;
  readonly #lines: LineCounter = new LineCounter();
  readonly #document: ReturnType<typeof parseDocument>;

  constructor(text: string, draft: Draft) {
    this.#draft = draft;
    this.#document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      logLevel: "error",
    });
    const [error] = this.#document.errors;
    if (error !== undefined) {
      const { line } = this.#lines.linePos(error.pos[0]);
      throw new UsageError(`${draft.file}:${line}: not YAML: ${error.message.replaceAll(/\s+/g, " ")}`);
    }
  }

  read(): void {
    const root = this.#resolve(this.#document.contents);
    if (root === null) return;
    for (const [name, place] of this.#entries(
      { node: root, path: "", line: this.#line(root) },
      "keys and values",
    )) {
      if (name === "cgroups") this.#readCgroups(place);
      else this.#readKey(name, place, topKeys, ["cgroups"]);
    }
  }

  #readCgroups(place: Place): void {
    for (const [name, below] of this.#entries(place, "keys such as memory: 128M")) {
      this.#readKey(name, below, cgroupKeys, []);
    }
  }

  #readKey(name: string, place: Place, keys: ReadonlyMap<string, ConfigKey>, more: readonly string[]): void {
    const key = keys.get(name);
    if (key === undefined) refuseKey(`${this.#draft.file}:${place.line}`, name, [...keys.keys(), ...more]);
    if (key.shape === "words") {
      const words = isSeq(place.node)
        ? this.#texts(place).map((g) => g.value)
        : splitWords(this.#text(place));
      this.#draft.addWords(key.flag, words);
      return;
    }
    for (const given of this.#values(key, place)) this.#draft.add(key.flag, given);
  }

  #values(key: ConfigKey, place: Place): Given[] {
    switch (key.shape) {
      case "text":
        return [this.#text(place)];
      case "list":
        return this.#texts(place);
      case "mounts":
        return this.#items(place).map((item) => (isMap(item.node) ? this.#mount(item) : this.#text(item)));
      case "pairs":
      case "limits": {
        if (!isMap(place.node)) return this.#texts(place);
        return this.#entries(place, "names and values").map(([name, item]) => this.#pair(name, item, key));
      }
      default:
        throw new Error(`no values of shape ${key.shape}`);
    }
  }

  /** `name: value` as `name=value`; a name alone where there is no value. */
  #pair(name: string, item: Place, key: ConfigKey): Given {
    if (item.node === null || (isScalar(item.node) && item.node.value === null))
      return this.#given(item, name);
    if (key.shape === "limits" && isMap(item.node)) {
      const parts = new Map(this.#entries(item, "soft and hard"));
      for (const part of parts.keys()) {
        if (part !== "soft" && part !== "hard") refuseKey(this.#at(item), part, ["soft", "hard"]);
      }
      const [soft, hard] = ["soft", "hard"].map((part) => parts.get(part));
      if (soft === undefined || hard === undefined)
        throw new UsageError(`${this.#at(item)}: expected soft and hard`);
      return this.#given(item, `${name}=${this.#text(soft).value}:${this.#text(hard).value}`);
    }
    return this.#given(item, `${name}=${this.#text(item).value}`);
  }

  #mount(item: Place): Given {
    const pairs = this.#entries(item, "keys such as type: bind");
    return this.#given(
      item,
      pairs.map(([name, part]) => bracketed(`${name}=${this.#text(part).value}`)).join(","),
    );
  }

  #texts(place: Place): Given[] {
    return this.#items(place).map((item) => this.#text(item));
  }

  #items(place: Place): Place[] {
    if (!isSeq(place.node)) return [place];
    return place.node.items.map((item) => {
      const node = this.#resolve(item);
      return { node, path: place.path, line: this.#line(node, place.line) };
    });
  }

  #text(place: Place): Given {
    const { node } = place;
    if (!isScalar(node) || node.value === null || typeof node.value === "object") {
      const found = isMap(node) ? "keys" : isSeq(node) ? "a list" : "nothing";
      throw new UsageError(`${this.#at(place)}: expected a text or a number, found ${found}`);
    }
    // The text as written: a umask of 0022 is not the number 22.
    return this.#given(
      place,
      typeof node.value === "string" ? node.value : (node.source ?? String(node.value)),
    );
  }

  #entries(place: Place, expected: string): [string, Place][] {
    if (!isMap(place.node)) {
      const found = isSeq(place.node)
        ? "a list"
        : isScalar(place.node) && place.node.value !== null
          ? "a text"
          : "nothing";
      throw new UsageError(`${this.#at(place)}: expected ${expected}, found ${found}`);
    }
    return (place.node as YAMLMap<unknown, unknown>).items.map(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : String(key);
      const line = this.#line(key, place.line);
      return [
        name,
        { node: this.#resolve(value), path: place.path === "" ? name : `${place.path}.${name}`, line },
      ];
    });
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }

  #line(node: unknown, otherwise = 1): number {
    const range = (node as Node | null)?.range;
    return range === undefined || range === null ? otherwise : this.#lines.linePos(range[0]).line;
  }

  #at(place: Place): string {
    return `${this.#draft.file}:${place.line}${place.path === "" ? "" : `: ${place.path}`}`;
  }

  #given(place: Place, value: string): Given {
    return { value, from: this.#at(place), directory: this.#draft.directory };
  }
}

/** Reads the YAML form into `draft`. @throws UsageError naming file, line and key */
export function readYamlForm(text: string, draft: Draft): void {
  new Reader(text, draft).read();
}
