import type { StepRef } from "./step.ts";

/**
 * What an argument of a system call can be: a number, a pointer to data that travels with the program, or the result of
 * an earlier step.
 */
export type Argument = number | bigint | Data | StepRef;

/** Data that a program carries; as an argument it means its address. */
export type Data = Text | Bytes | Words | Cell;

/** A NUL-terminated string. */
export interface Text {
  readonly data: "text";
  readonly text: string;
}

/** Raw bytes. */
export interface Bytes {
  readonly data: "bytes";
  readonly bytes: Uint8Array;
}

/** An array of 64-bit words, each of them an argument: argv, iovec, clone_args, sock_fprog. */
export interface Words {
  readonly data: "words";
  readonly words: readonly Argument[];
}

/** Zeroed memory for the kernel, or a step's result, to write into. Identity matters: the same cell is the same place. */
export interface Cell {
  readonly data: "cell";
  readonly size: number;
}

/** A pointer to `text`, NUL-terminated. NUL inside would cut it silently: refused. */
export function text(value: string): Text {
  if (value.includes("\0")) throw new Error(`NUL byte in ${JSON.stringify(value)}`);
  return { data: "text", text: value };
}

export function bytes(value: Uint8Array): Bytes {
  return { data: "bytes", bytes: value };
}

export function words(values: readonly Argument[]): Words {
  return { data: "words", words: values };
}

export function cell(size: number): Cell {
  return { data: "cell", size };
}

/** A NULL-terminated array of strings: argv and envp. */
export function textArray(values: readonly string[]): Words {
  return words([...values.map(text), 0]);
}

/** True for an argument that is data. */
export function isData(argument: Argument): argument is Data {
  return typeof argument === "object" && "data" in argument;
}
