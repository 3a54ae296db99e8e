import { assertEquals, assertThrows } from "@std/assert";
import { exitCodeOf } from "../../lib/cli/exit_code.ts";
import { Failure } from "../../lib/base/error.ts";
import { goQuote, goText, goUnquote } from "../../lib/template/go_text.ts";
import { compileTemplate, type TemplateOptions } from "../../lib/template/template.ts";

const DATA = {
  Id: "abc",
  S: "str",
  T: true,
  F: false,
  N: null,
  I: 42,
  X: 1.5,
  L: ["a", "b"],
  E: [],
  LL: [["x"], ["y", "z"]],
  M: { z: "1", a: "2" },
  State: { Pid: 5 },
  Config: { Labels: { lab: "1" }, Volumes: null, Env: null, Cmd: ["sh", "-c"] },
  U: "é<b>&",
};

/** Renders each template with DATA and compares. The results were checked against docker 20.10.24. */
function renders(cases: [template: string, expected: string][]): void {
  for (const [template, expected] of cases) assertEquals(compileTemplate(template)(DATA), expected, template);
}

/** Both kinds of failure: exit 64 while compiling, exit 1 while rendering. */
function fails(exitCode: number, cases: [string, string][], options?: TemplateOptions): void {
  for (const [template, expected] of cases) {
    const error = assertThrows(() => compileTemplate(template, options)(DATA), Failure);
    assertEquals(error.message, `template parsing error: template: :1:${expected}`, template);
    assertEquals(exitCodeOf(error), exitCode, template);
  }
}

Deno.test("compileTemplate: fields and how values print", () => {
  renders([
    ["plain", "plain"],
    ["{{.S}}|{{.T}}|{{.F}}|{{.I}}|{{.X}}", "str|true|false|42|1.5"],
    ["{{.L}}|{{.E}}|{{.LL}}|{{.M}}", "[a b]|[]|[[x] [y z]]|map[a:2 z:1]"],
    ["{{.State.Pid}} {{$.S}} {{(.M).z}} {{(index .LL 1)}}", "5 str 1 [y z]"],
    ["{{.Nope}} {{.Nope.More}} {{print nil}}", "<no value> <no value> <nil>"],
    ["{{.Config.Env}} {{.Config.Volumes}} {{.State.Health}}", "[] map[] <nil>"],
    ["{{.Config.Labels.lab}}{{.Config.Labels.nope}}", "1<no value>"],
  ]);
});

Deno.test("compileTemplate: literals", () => {
  renders([
    ["{{\"a\\tb\\x41\\u00e9\"}}|{{`raw\\n`}}|{{'a'}}", "a\tbAé|raw\\n|97"],
    ["{{0x10}} {{017}} {{-2}} {{1_000}} {{1.5}} {{1e3}} {{true}}", "16 15 -2 1000 1.5 1000 true"],
    ['{{"}}"}}', "}}"],
    ["{{1e21}} {{0.00001}} {{1234567.5}}", "1e+21 1e-05 1.2345675e+06"],
  ]);
});

Deno.test("compileTemplate: if, with and range", () => {
  renders([
    ["{{if .T}}y{{else}}n{{end}}{{if .E}}y{{else}}n{{end}}", "yn"],
    ["{{if .F}}a{{else if .N}}b{{else if .S}}c{{else}}d{{end}}", "c"],
    ["{{with .M}}{{.a}}{{$.S}}{{end}}{{with .E}}x{{else}}none{{end}}", "2strnone"],
    ["{{range .L}}<{{.}}>{{end}}", "<a><b>"],
    ["{{range $i, $v := .L}}{{$i}}={{$v}};{{end}}{{range $v := .L}}{{$v}}{{end}}", "0=a;1=b;ab"],
    ["{{range $k, $v := .M}}{{$k}}={{$v}};{{end}}", "a=2;z=1;"],
    ["{{range .E}}x{{else}}empty{{end}}{{range .N}}x{{else}}nothing{{end}}", "emptynothing"],
  ]);
});

Deno.test("compileTemplate: variables live to the end of their block", () => {
  renders([
    ["{{$x := .S}}{{$x}}{{$x = .I}}{{$x}}", "str42"],
    ["{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{$y}}{{end}}{{$x}}", "32"],
    ["{{$x := 1}}{{range .L}}{{$x := .}}{{$x}}{{end}}{{$x}}", "ab1"],
    ["{{with $y := .S}}{{$y}}{{.}}{{end}}", "strstr"],
  ]);
});

Deno.test("compileTemplate: comments and trim markers", () => {
  renders([
    ["{{/* c */}}x{{- /* d */ -}} y", "xy"],
    ["a  {{- .S -}}\n b", "astrb"],
    ["a {{-3}}", "a -3"],
    ["a {{- 3}}", "a3"],
  ]);
});

Deno.test("compileTemplate: pipelines hand their value on as the last argument", () => {
  renders([
    ['{{.S | upper | printf "%s!"}}', "STR!"],
    ['{{.S | printf "%s %s" "a"}}', "a str"],
    ['{{(len .L)|printf "%03d"}}', "002"],
    ["{{json .L | len}}", "9"],
  ]);
});

Deno.test("compileTemplate: text/template's functions", () => {
  renders([
    ['{{index .M "a"}} {{index .L 1}} {{index .LL 1 0}} [{{index .M "nope"}}]', "2 b y []"],
    ["{{len .L}} {{len .M}} {{len .U}}", "2 2 6"],
    ["{{slice .S 1 2}} {{slice .S 1}} {{slice .L 1}}", "t tr [b]"],
    // Each bound may be the length, and none beyond it (below).
    ["{{slice .S 0 3}}[{{slice .S 3}}][{{slice .S 3 3}}]{{slice .S 0 0}} {{slice .L 0 2}}", "str[][] [a b]"],
    [
      '{{eq .S "str"}} {{eq "a" "b" "a"}} {{ne .S "x"}} {{lt 1 2}} {{le 2 2}} {{gt 3 2}} {{ge 1 2}}',
      "true true true true true true false",
    ],
    ['{{and .T .S}} {{and 1 0 2}} {{or .F .S}} {{or 0 "" "x"}} {{not .T}}', "str 0 str x false"],
    ["{{or .T (index .L 9)}} {{and .F (index .L 9)}}", "true false"],
    ['{{print 1 2 "a" "b" 3}}|{{println 1 "a"}}', "1 2ab3|1 a\n"],
  ]);
});

Deno.test("compileTemplate: printf", () => {
  renders([
    ['{{printf "%s-%v-%q-%t-%T" .S .T .S .T .I}}', 'str-true-"str"-true-int'],
    ['{{printf "%d|%5d|%-5d|%05d|%x|%c|%+d" 1 2 3 4 255 65 5}}', "1|    2|3    |00004|ff|A|+5"],
    ['{{printf "%6.2f|%g|%e" 3.14159 0.5 12345.678}}', "  3.14|0.5|1.234568e+04"],
    ['{{printf "%8s|%-8s|%.2s|%8q" "ab" "ab" "abc" "a"}}', '      ab|ab      |ab|     "a"'],
    ['{{printf "%d" "s"}} {{printf "%s" 1}} {{printf "%d"}}', "%!d(string=s) %!s(int=1) %!d(MISSING)"],
    ['{{printf "x" 1 "b"}} {{printf "100%"}} {{printf "%%"}}', "x%!(EXTRA int=1, string=b) 100%!(NOVERB) %"],
  ]);
});

Deno.test("compileTemplate: docker's functions", () => {
  renders([
    [
      "{{json .M}} {{json .U}} {{json .N}} {{json .Config.Cmd}}",
      '{"z":"1","a":"2"} "é<b>&" null ["sh","-c"]',
    ],
    ['{{join .L ","}}|{{join (split "a:b:c" ":") "-"}}|{{split "a,b" ","}}', "a,b|a-b-c|[a b]"],
    ['{{lower "ABC"}}{{upper "abc"}}{{title "hello don\'t a_b x-y"}}', "abcABCHello Don'T A_b X-Y"],
    ['[{{pad "x" 2 3}}][{{pad "" 2 3}}] {{truncate "abcdef" 3}} {{truncate "ab" 3}}', "[  x   ][] abc ab"],
  ]);
});

Deno.test("compileTemplate: source errors in Go's words, exit 64", () => {
  fails(64, [
    ["{{.Id", " unclosed action"],
    ["{{foo}} {{.Id", ' function "foo" not defined'],
    ["{{}}", " missing value for command"],
    ["{{if}}x{{end}}", " missing value for if"],
    ["{{if .T}}x", " unexpected EOF"],
    ["{{end}}", " unexpected {{end}}"],
    ["{{else}}", " unexpected {{else}}"],
    ["{{if .T}}a{{else}}b{{else}}c{{end}}", " expected end; found {{else}}"],
    ["{{$x}}", ' undefined variable "$x"'],
    ["{{if true}}{{$y := 3}}{{end}}{{$y}}", ' undefined variable "$y"'],
    ["{{1 | 2}}", " non executable command in pipeline stage 2"],
    ['{{"abc}}', " unterminated quoted string"],
    ["{{'ab'}}", " malformed character constant: 'ab'"],
    ["{{1x}}", ' bad number syntax: "1x"'],
    ["{{.A}", " bad character U+007D '}'"],
    ["{{.A.}}", " unexpected <.> in operand"],
    ["{{(.A}}", " unclosed left paren"],
    ["{{)}}", ' unexpected ")" in command'],
    ["{{/* c", " unclosed comment"],
    ["{{range $i, $v, $w := .L}}{{end}}", " too many declarations in range"],
    ["{{template}}", " unexpected <template> in command"],
  ]);
});

Deno.test("compileTemplate: data errors with place and cause, exit 1", () => {
  fails(1, [
    ["{{.S.Foo}}", '4: executing "" at <.S.Foo>: can\'t evaluate field Foo in type interface {}'],
    ["{{.N.Foo}}", '4: executing "" at <.N.Foo>: nil pointer evaluating interface {}.Foo'],
    ['{{.S "x"}}', '2: executing "" at <.S>: S is not a method but has arguments'],
    ['{{"a" "b"}}', '2: executing "" at <"a">: can\'t give argument to non-function "a"'],
    ["{{index .L 7}}", '2: executing "" at <index .L 7>: error calling index: index out of range: 7'],
    ["{{len .T}}", '2: executing "" at <len .T>: error calling len: len of type bool'],
    ['{{eq 1 "a"}}', '2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison'],
    ["{{lower .T}}", '8: executing "" at <.T>: wrong type for value; expected string; got bool'],
    ["{{lower 1}}", '8: executing "" at <1>: expected string; found 1'],
    ["{{len .L .L}}", '2: executing "" at <len>: wrong number of args for len: want 1 got 2'],
    ["{{nil}}", '2: executing "" at <nil>: nil is not a command'],
    ["é{{.S.Foo}}", '6: executing "" at <.S.Foo>: can\'t evaluate field Foo in type interface {}'],
    ["{{range .F}}{{end}}", '8: executing "" at <.F>: range can\'t iterate over false'],
    ["{{range .T}}{{end}}", '8: executing "" at <.T>: range can\'t iterate over true'],
  ]);
});

Deno.test("compileTemplate: missingKey error tells structures from maps", () => {
  const strict: TemplateOptions = { missingKey: "error" };
  fails(1, [
    ["{{.Foo}}", '2: executing "" at <.Foo>: map has no entry for key "Foo"'],
    ["{{.Config.Foo}}", '9: executing "" at <.Config.Foo>: map has no entry for key "Foo"'],
    [
      "{{.State.Health.Status}}",
      '8: executing "" at <.State.Health.Status>: map has no entry for key "Health"',
    ],
  ], strict);
  assertEquals(compileTemplate("{{.Config.Labels.nope}}", strict)(DATA), "<no value>");
  assertEquals(compileTemplate("{{if .State.Health}}h{{else}}none{{end}}", strict)(DATA), "none");
});

Deno.test("compileTemplate: a compiled template can be rendered again", () => {
  const render = compileTemplate("{{$x := .}}{{$x}}");
  assertEquals([render(1), render("two"), render(null)], ["1", "two", "<no value>"]);
});

Deno.test("goQuote and goUnquote: Go's escapes", () => {
  assertEquals(goQuote('a"b\\\n\x01é\u200b'), '"a\\"b\\\\\\n\\x01é\\u200b"');
  assertEquals(goUnquote('"\\101\\x42\\u0043\\U00000044\\"\\\\"'), 'ABCD"\\');
  assertEquals([goUnquote('"\\q"'), goUnquote('"\\\'"'), goUnquote("''")], [undefined, undefined, undefined]);
});

Deno.test("goText: nulls by the name of their field", () => {
  assertEquals(
    goText({ Labels: null, Health: null, Cmd: null, l: [null] }),
    "map[Cmd:[] Health:<nil> Labels:map[] l:[<nil>]]",
  );
});
