import type { Tree, TreeOption, Words } from "./tree.ts";

/** Text inside single quotes of a spec of _arguments: no quote, and no brackets or colons unescaped. */
function quoted(text: string): string {
  return text.replaceAll("'", "'\\''").replaceAll(/[[\]:\\]/g, "\\$&");
}

function action(words: Words): string {
  switch (words.kind) {
    case "none":
      return "";
    case "any":
      return ":value: ";
    case "file":
      return ":file:_files";
    case "directory":
      return ":directory:_files -/";
    case "container":
      return ":container:_mdocker_containers";
    case "image":
      return ":image:_mdocker_images";
    case "choice":
      return `:value:(${words.choices.map(quoted).join(" ")})`;
    default:
      return words satisfies never;
  }
}

function optionSpecs({ flags, about, value }: TreeOption): string[] {
  return flags.map((flag) => {
    const equals = value.kind === "none" ? "" : flag.startsWith("--") ? "=" : "+";
    return `'*${flag}${equals}[${quoted(about)}]${action(value)}'`;
  });
}

function functionName(path: readonly string[]): string {
  return `_${path.join("_").replaceAll("-", "_")}`;
}

/** A function for the command and those below it. */
function functions(tree: Tree, path: readonly string[]): string {
  const specs = tree.options.flatMap(optionSpecs);
  if (tree.commands.length === 0) {
    const words = tree.words.kind === "none" ? [] : [`'*${action(tree.words)}'`];
    return `${functionName(path)}() {\n  _arguments -s \\\n    ${[...specs, ...words].join(" \\\n    ")}\n}\n`;
  }
  const described = tree.commands.map((below) => `    '${below.name}:${quoted(below.about)}'`);
  const cases = tree.commands.map((below) => {
    const names = [below.name, ...below.aliases].join("|");
    return `        ${names}) ${functionName([...path, below.name])} ;;`;
  });
  return `${functionName(path)}() {
  local -a commands
  commands=(
${described.join("\n")}
  )
  local context state state_descr line
  typeset -A opt_args
  _arguments -C -s \\
    ${[...specs, "'1: :->command'", "'*:: :->words'"].join(" \\\n    ")}
  case $state in
    command) _describe command commands ;;
    words)
      case $words[1] in
${cases.join("\n")}
      esac ;;
  esac
}
${tree.commands.map((below) => functions(below, [...path, below.name])).join("")}`;
}

/** A completion script for zsh, to be put into a file `_mdocker` in $fpath. */
export function renderZsh(tree: Tree): string {
  return `#compdef mdocker
# zsh completion of mdocker; made by: mdocker completion zsh
_mdocker_containers() {
  local -a names
  names=(\${(f)"$(mdocker ps --all --format '{{.Names}}' 2>/dev/null)"})
  compadd -a names
}
_mdocker_images() {
  local -a names
  names=(\${(f)"$(mdocker image ls 2>/dev/null | awk 'NR > 1 { print $1 ":" $2 }')"})
  compadd -a names
}
${functions(tree, ["mdocker"])}
if [ "$funcstack[1]" = _mdocker ]; then _mdocker "$@"; else compdef _mdocker mdocker; fi
`;
}
