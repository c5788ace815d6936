import { spawnSync } from "node:child_process";
import type { Command } from "commander";
import { beforeAll, describe, expect, test } from "vitest";
import { commands } from "../../../src/cli/commands.ts";
import { renderBash } from "../../../src/cli/completion/bash.ts";
import { renderFish } from "../../../src/cli/completion/fish.ts";
import { describeTree, type Tree } from "../../../src/cli/completion/tree.ts";
import { renderZsh } from "../../../src/cli/completion/zsh.ts";
import { fullProgram } from "../../../src/cli/full-program.ts";
import { renderMan } from "../../../src/cli/man-page.ts";
import { commandWord } from "../../../src/cli/program.ts";
import { runOptions } from "../../../src/cli/run-options.ts";

let program: Command;
let tree: Tree;
beforeAll(async () => {
  program = await fullProgram();
  tree = describeTree(program);
});

/** What bash offers after `words`; the last one is being typed. */
function complete(words: readonly string[]): string[] {
  const script = `${renderBash(tree)}
_mdocker_containers() { echo web db; }
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mdocker 2>/dev/null; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, status } = spawnSync("bash", ["-c", script, "bash", "mdocker", ...words], {
    encoding: "utf8",
  });
  expect(status).toBe(0);
  return stdout.split("\n").filter((line) => line !== "");
}

test("the tree has every command, each with a summary and its own module", () => {
  expect(tree.commands.map(({ name }) => name)).toEqual(Object.keys(commands));
  for (const { about } of tree.commands) expect(about).toMatch(/\w{3}/);
});

test("every option of run says what it is for, and fits on a line of its help", () => {
  for (const { heading, rows } of runOptions) {
    expect(heading).toMatch(/:$/);
    for (const { flags, about } of rows) {
      expect(flags).toMatch(/^(-\w, )?(--[\w-]+, )?--[\w-]+( <.*>)?$/);
      expect(about).toMatch(/^[^.].{5,95}$/);
    }
  }
});

test("the help of run is grouped", () => {
  const run = program.commands.find((command) => command.name() === "run");
  const text = run?.helpInformation() ?? "";
  const headings = text.match(/^[A-Z][a-z ]+:$/gm) ?? [];
  expect(headings).toEqual(
    expect.arrayContaining(["Container:", "Command:", "Files:", "Network:", "Limits:", "Security:"]),
  );
  expect(new Set(headings).size).toBe(headings.length);
});

describe("bash completion", () => {
  test("is valid bash", () => {
    const { status, stderr } = spawnSync("bash", ["-n"], { input: renderBash(tree), encoding: "utf8" });
    expect(stderr).toBe("");
    expect(status).toBe(0);
  });
  test.each([
    [["ru"], ["run"]],
    [["--root", "/x", "do"], ["doctor"]],
    [["--root=/x", "do"], ["doctor"]],
    [
      ["run", "--memory-"],
      ["--memory-swap", "--memory-reservation", "--memory-swappiness", "--memory-high", "--memory-min"],
    ],
    [
      ["run", "--pull", ""],
      ["never", "missing", "always"],
    ],
    [["run", "--net", "h"], ["host"]],
    [["kill", "-s", "TERM", "w"], ["web"]],
    [
      ["inspect", ""],
      ["web", "db"],
    ],
    [["completion", "f"], ["fish"]],
    [["image", "c"], ["create"]],
    [["image", "ls", "--q"], ["--quiet"]],
    [["run", "--name", ""], []],
  ])("%j", (words, expected) => {
    expect(complete(words)).toEqual(expected);
  });
});

test("zsh and fish completion know every command and every flag of run", () => {
  const names = runOptions.flatMap(({ rows }) => rows.flatMap(({ flags }) => flags.match(/--[\w-]+/g) ?? []));
  const [zsh, fish] = [renderZsh(tree), renderFish(tree)];
  expect(zsh).toMatch(/^#compdef mdocker\n/);
  for (const name of names) {
    expect(zsh).toContain(`'*${name}`);
    expect(fish).toMatch(new RegExp(` -l ${name.slice(2)} `));
  }
  for (const { name } of tree.commands) {
    expect(zsh).toContain(`_mdocker_${name}()`);
    expect(fish).toContain(`-x -a ${name} `);
  }
  // Quotes are balanced on every line of fish, where each line is a command of its own.
  for (const line of fish.split("\n")) {
    expect((line.replaceAll(/\\./g, "").match(/'/g) ?? []).length % 2).toBe(0);
  }
});

describe("man page", () => {
  test("has its sections, every command and every flag", () => {
    const text = renderMan(program, "1.2.3");
    for (const section of [
      "NAME",
      "SYNOPSIS",
      "DESCRIPTION",
      "OPTIONS",
      "COMMANDS",
      "EXIT STATUS",
      "ENVIRONMENT",
    ]) {
      expect(text).toContain(`\n.SH ${section}\n`);
    }
    for (const { name } of tree.commands) expect(text).toContain(`\n.SS ${name}\n`);
    for (const { rows } of runOptions) {
      for (const { flags } of rows) {
        const long = /--([\w-]+)( |$)/.exec(flags)?.[1] ?? "";
        expect(text).toContain(`\\fB\\-\\-${long.replaceAll("-", "\\-")}\\fR`);
      }
    }
    expect(text).not.toMatch(/undefined/);
  });

  test("no text line is taken for a request", () => {
    const known = /^\.(TH|SH|SS|TP|PP|\\")/;
    const requests = renderMan(program, "1")
      .split("\n")
      .filter((line) => /^[.']/.test(line));
    expect(requests.filter((line) => !known.test(line))).toEqual([]);
  });
});

test.each([
  [["run", "ps"], "run"],
  [["--root", "ps", "run"], "run"],
  [["--root=ps", "--prefix", "x", "gc"], "gc"],
  [["--help"], undefined],
  [["--version", "run"], undefined],
  [["--root"], undefined],
  [[], undefined],
])("the command word of %j", (words, expected) => {
  expect(commandWord(words)).toBe(expected);
});
