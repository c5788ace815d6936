import type { Tree, TreeOption, Words } from "./tree.ts";

/** What fills COMPREPLY for one kind of words. */
function reply(words: Words): string {
  switch (words.kind) {
    case "none":
    case "any":
      return "COMPREPLY=()";
    case "file":
      return 'COMPREPLY=($(compgen -f -- "$cur"))';
    case "directory":
      return 'COMPREPLY=($(compgen -d -- "$cur"))';
    case "container":
      return 'COMPREPLY=($(compgen -W "$(_mdocker_containers)" -- "$cur"))';
    case "image":
      return 'COMPREPLY=($(compgen -W "$(_mdocker_images)" -- "$cur"))';
    case "choice":
      return `COMPREPLY=($(compgen -W "${words.choices.join(" ")}" -- "$cur"))`;
    default:
      return words satisfies never;
  }
}

const takesValue = ({ value }: TreeOption): boolean => value.kind !== "none";

/** Branches of `case $prev`: what follows an option that takes a value. */
function valueCases(options: readonly TreeOption[]): string[] {
  return options
    .filter(takesValue)
    .map(({ flags, value }) => `        ${flags.join("|")}) ${reply(value)}; return ;;`);
}

/** One branch of `case $path`, and those of the commands below. */
function branches(tree: Tree, path: string): string[] {
  const flags = tree.options.flatMap((option) => option.flags).join(" ");
  const names = tree.commands.flatMap((below) => [below.name, ...below.aliases]).join(" ");
  const own = [
    `    "${path}")`,
    '      case "$prev" in',
    ...valueCases(tree.options),
    "      esac",
    '      if [[ "$cur" == -* ]]; then',
    `        COMPREPLY=($(compgen -W "${flags}" -- "$cur"))`,
    "      else",
    `        ${names === "" ? reply(tree.words) : `COMPREPLY=($(compgen -W "${names}" -- "$cur"))`}`,
    "      fi ;;",
  ];
  return [...own, ...tree.commands.flatMap((below) => branches(below, `${path} ${below.name}`.trim()))];
}

/** Branches that walk from one command to one below it, by name or alias. */
function steps(tree: Tree, path: string): string[] {
  return tree.commands.flatMap((below) => {
    const next = `${path} ${below.name}`.trim();
    const names = [below.name, ...below.aliases].map((name) => `"${path}:${name}"`).join("|");
    return [`      ${names}) path="${next}" ;;`, ...steps(below, next)];
  });
}

/** Options with values, by the path of their command: their values are no command words. */
function skipCases(tree: Tree, path: string): string[] {
  const flags = tree.options.filter(takesValue).flatMap((option) => option.flags);
  const own =
    flags.length === 0 ? [] : [`      ${flags.map((flag) => `"${path}:${flag}"`).join("|")}) skip=1 ;;`];
  return [...own, ...tree.commands.flatMap((below) => skipCases(below, `${path} ${below.name}`.trim()))];
}

/** A completion script for bash 4 and later; needs no bash-completion package. */
export function renderBash(tree: Tree): string {
  return `# bash completion of mdocker; made by: mdocker completion bash
_mdocker_containers() { mdocker ps --all --format '{{.Names}}' 2>/dev/null; }
_mdocker_images() { mdocker image ls 2>/dev/null | awk 'NR > 1 { print $1 ":" $2 }'; }

_mdocker() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" skip="" at word
  compopt -o filenames 2>/dev/null
  for ((at = 1; at < COMP_CWORD; at++)); do
    word="\${COMP_WORDS[at]}"
    if [[ -n "$skip" ]]; then skip=""; continue; fi
    case "$path:$word" in
${[...steps(tree, ""), ...skipCases(tree, "")].join("\n")}
    esac
  done
  case "$path" in
${branches(tree, "").join("\n")}
  esac
}
complete -F _mdocker mdocker
`;
}
