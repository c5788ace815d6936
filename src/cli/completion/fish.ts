import type { Tree, TreeOption, Words } from "./tree.ts";

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function values(words: Words): string {
  switch (words.kind) {
    case "none":
      return "";
    case "any":
      return " -x";
    case "file":
      return " -r -F";
    case "directory":
      return " -x -a '(__fish_complete_directories)'";
    case "container":
      return " -x -a '(__mdocker_containers)'";
    case "image":
      return " -x -a '(__mdocker_images)'";
    case "choice":
      return ` -x -a ${quote(words.choices.join(" "))}`;
    default:
      return words satisfies never;
  }
}

function flag(text: string): string {
  return text.startsWith("--") ? `-l ${text.slice(2)}` : `-s ${text.slice(1)}`;
}

function optionLine(condition: string, { flags, about, value }: TreeOption): string {
  return `complete -c mdocker -n ${condition} ${flags.map(flag).join(" ")}${values(value)} -d ${quote(about)}`;
}

/** Lines for one command below the first level of words, and those below it. */
function lines(tree: Tree, path: readonly string[]): string[] {
  const condition = quote(`__mdocker_at ${path.join(" ")}`.trim());
  const own = tree.options.map((option) => optionLine(condition, option));
  const words = tree.commands.length === 0 && tree.words.kind !== "none" && tree.words.kind !== "any";
  return [
    ...own,
    ...(words ? [`complete -c mdocker -n ${condition}${values(tree.words).replace(" -r", "")}`] : []),
    ...tree.commands.map(
      (below) => `complete -c mdocker -n ${condition} -x -a ${below.name} -d ${quote(below.about)}`,
    ),
    ...tree.commands.flatMap((below) => lines(below, [...path, below.name])),
  ];
}

function paths(tree: Tree, path: readonly string[]): string[] {
  return tree.commands.flatMap((below) => {
    const next = [...path, below.name];
    return [next.join(" "), ...paths(below, next)];
  });
}

function globalValues(tree: Tree): string {
  return tree.options
    .filter(({ value }) => value.kind !== "none")
    .flatMap(({ flags }) => flags)
    .join(" ");
}

/** A completion script for fish. */
export function renderFish(tree: Tree): string {
  return `# fish completion of mdocker; made by: mdocker completion fish
function __mdocker_containers
    mdocker ps --all --format '{{.Names}}' 2>/dev/null
end
function __mdocker_images
    mdocker image ls 2>/dev/null | awk 'NR > 1 { print $1 ":" $2 }'
end
# True when the command words typed so far are exactly these.
function __mdocker_at
    set -l path
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if contains -- $word ${globalValues(tree)}
            set skip 1
        else if contains -- (string join ' ' $path $word) ${paths(tree, []).map(quote).join(" ")}
            set -a path $word
        end
    end
    test (string join ' ' $path) = (string join ' ' $argv)
end
complete -c mdocker -f
${lines(tree, []).join("\n")}
`;
}
