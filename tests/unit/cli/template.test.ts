import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderTemplate } from "../../../src/cli/template.ts";
import { UsageError } from "../../../src/core/errors.ts";

const value = {
  Name: "web",
  Pid: 7,
  Up: true,
  Error: null,
  Args: ["-c", "sleep 10"],
  Ports: [
    { Private: 80, Type: "tcp" },
    { Private: 53, Type: "udp" },
  ],
  State: { Status: "running", ExitCode: 0 },
  Labels: { tier: "front", "a.b/c": "x y" },
  Empty: [],
  Label: (name: string) => (name === "tier" ? "front" : ""),
};

describe("what Go's text/template prints", () => {
  test.each([
    ["{{.Name}} {{ .State.Status }}", "web running"],
    ["{{.Args}} {{.Labels}} {{.Up}} {{.Error}}", "[-c sleep 10] map[a.b/c:x y tier:front] true <no value>"],
    ["{{json .Args}} {{json .Name}} {{json .Error}}", '["-c","sleep 10"] "web" null'],
    ['{{.Label "tier"}}|{{.Label "x"}}', "front|"],
    ["a {{- .Name -}} b", "awebb"],
    ["a {{/* nothing */}} {{- /* nor here */ -}} b", "a b"],
    ["{{range .Ports}}{{.Private}}/{{.Type}},{{end}}", "80/tcp,53/udp,"],
    ["{{range $i, $p := .Ports}}{{if $i}}, {{end}}{{$p.Private}}{{end}}", "80, 53"],
    ["{{range $key, $v := .Labels}}{{$key}}={{$v}};{{end}}", "a.b/c=x y;tier=front;"],
    ["{{range .Empty}}x{{else}}none{{end}}", "none"],
    ['{{range .Ports}}{{if eq .Type "udp"}}{{break}}{{end}}{{.Private}}{{end}}', "80"],
    ['{{range .Ports}}{{if eq .Type "tcp"}}{{continue}}{{end}}{{.Private}}{{end}}', "53"],
    ["{{if .Up}}up{{else}}down{{end}}", "up"],
    ["{{if .Missing}}a{{else if .Empty}}b{{else if .Pid}}c{{else}}d{{end}}", "c"],
    ['{{if and .Up (gt .Pid 5) (ne .Name "x")}}yes{{end}}', "yes"],
    ["{{if or .Empty .Error}}yes{{else}}no{{end}}", "no"],
    ["{{with .State}}{{.Status}} {{$.Name}}{{end}}", "running web"],
    ["{{with .Missing}}x{{else}}without{{end}}", "without"],
    ['{{index .Labels "a.b/c"}} {{index .Ports 1 "Type"}} {{(index .Ports 0).Private}}', "x y udp 80"],
    ["{{index .Labels `tier`}}", "front"],
    [
      '{{join .Args ", "}} {{.Name | upper}} {{upper "x" | lower}} {{title "ab cd"}}',
      "-c, sleep 10 WEB x Ab Cd",
    ],
    [
      '{{split "a:b" ":"}} {{len .Args}} {{len .Name}} {{truncate .Name 2}}[{{pad "x" 1 2}}]',
      "[a b] 2 3 we[ x  ]",
    ],
    [
      '{{printf "%s has %d, %05.1f, %-5s|%5d|%q %v %x %%" .Name .Pid 2.25 "l" 42 "q" .Args 255}}',
      'web has 7, 002.3, l    |   42|"q" [-c sleep 10] ff %',
    ],
    ['{{printf "%d %s" .Pid}}{{printf "x" 1}}', "7 %!s(MISSING)x%!(EXTRA number=1)"],
    ['{{println "a" 1}}{{print "a" 1 2 "b"}}', "a 1\na1 2b"],
    ["{{$x := .Pid}}{{if true}}{{$x = 8}}{{$y := 1}}{{end}}{{$x}}", "8"],
    ['{{.Name | printf "%s-%s" "a"}}', "a-web"],
    ["{{slice .Name 1 2}}{{slice .Args 1}}", "e[sleep 10]"],
    ['{{not .Up}} {{eq .Pid 1 7}} {{le 1 1}} {{lt "a" "b"}}', "false true true true"],
    ['{{"a\\tb\\u00e9"}}{{`a\\t`}}', "a\tbéa\\t"],
    ["a\\tb\\n", "a\tb\n"],
    ["{{.Ports.1.Type}} {{.name}}", "udp web"],
    ['{{"}}"}}', "}}"],
    ['{{html "<a>"}} {{urlquery "a b&"}}', "&#60;a&#62; a+b%26"],
  ])("%s", (template, expected) => {
    expect(renderTemplate(template, value)).toBe(expected);
  });
});

describe("what is refused, with the action and the reason", () => {
  test.each([
    ["{{.Nmae}}", "--format: {{.Nmae}}: no field Nmae; its fields are Name, Pid, "],
    ["{{.Name", "--format: {{.Name: expected }} at the end"],
    ["{{if .Up}}x", "--format: {{if .Up}}: expected {{end}}"],
    ["{{end}}", "--format: {{end}}: no if, range or with before it"],
    ["{{if .Up}}{{else}}{{else}}{{end}}", "--format: {{else}}: a second else"],
    ["{{jsno .}}", "--format: {{jsno .}}: no function jsno: did you mean json?"],
    ["{{.Name 1}}", "--format: {{.Name 1}}: Name takes no arguments"],
    ["{{index .Args 5}}", "--format: {{index .Args 5}}: index: 5 is out of range: there are 2"],
    ["{{range .Ports}}{{.Nope}}{{end}}", "--format: {{.Nope}}: no field Nope; its fields are Private, Type"],
    ["{{$x}}", "--format: {{$x}}: undefined variable $x"],
    ["{{(.Name}}", "--format: {{(.Name}}: expected )"],
    ["{{.Name)}}", '--format: {{.Name)}}: unexpected ")"'],
    ["{{ # }}", '--format: {{ # }}: unexpected "#"'],
    ["{{upper 1}}", "--format: {{upper 1}}: upper: expected text, got 1"],
    ["{{break}}", "--format: {{break}} is only for range"],
    ['{{template "x"}}', "is not supported"],
    ["{{.constructor}}{{.Args.length}}", "no field constructor"],
  ])("%s", (template, message) => {
    expect(() => renderTemplate(template, value)).toThrow(UsageError);
    expect(() => renderTemplate(template, value)).toThrow(message);
  });
});

describe("properties", () => {
  const json = fc.jsonValue({ maxDepth: 3 });

  test("{{json .}} is JSON, of any value", () => {
    fc.assert(
      fc.property(json, (any) => {
        expect(renderTemplate("{{json .}}", any)).toBe(JSON.stringify(any));
      }),
    );
  });

  test("text without braces stays, but for \\t and \\n", () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !/[{\\]/.test(text)),
        (text) => {
          expect(renderTemplate(text, value)).toBe(text);
        },
      ),
    );
  });

  test("any string can be written as a literal", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const written = text.replaceAll(/["\\\n]/g, (one) => (one === "\n" ? "\\n" : `\\${one}`));
        expect(renderTemplate(`{{"${written}"}}`, value)).toBe(text);
      }),
    );
  });

  test("range and join print the same", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (list) => {
        const ranged = "{{range $i, $e := .}}{{if $i}}, {{end}}{{$e}}{{end}}";
        expect(renderTemplate(ranged, list)).toBe(renderTemplate('{{join . ", "}}', list));
      }),
    );
  });

  test("whatever is put together of its pieces is printed or refused in one line: nothing else is thrown", () => {
    const piece = fc.constantFrom(
      ..."{{ }} {{- -}} .Name .Ports .Missing $ $x := = | ( ) if else end range with break , json len index printf".split(
        " ",
      ),
      ..."\"%d\" `x` 'c' 0 -1 1e999 . and or not eq lt slice truncate {{/* */}} 99999999999 \\".split(" "),
      " ",
      "\n",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 14 }), fc.boolean(), (pieces, spaced) => {
        try {
          renderTemplate(pieces.join(spaced ? " " : ""), value);
        } catch (error) {
          expect(error).toBeInstanceOf(UsageError);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
