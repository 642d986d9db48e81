#include "tools/format/template.h"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "tools/format/table.h"
#include "util/error.h"

using builder::format::format_rows;
using builder::format::Template;
using Json = nlohmann::ordered_json;

namespace {

const Json kData = Json::parse(R"({
  "Id": "sha256:abc", "RepoTags": ["a:1", "b:2"], "Size": 264000, "Ratio": 1.5, "Parent": "", "Yes": true, "Nothing": null, "Empty": [],
  "Config": {"Cmd": ["/bin/sh", "-c"], "Labels": {"z": "last", "a": "first"}, "User": "me"},
  "Nested": [[1, 2], [3]]})");

std::string made(const std::string& text) {
  return Template(text).execute(kData);
}

std::string error_of(const std::string& text) {
  try {
    Template(text).execute(kData);
  } catch (const util::Error& error) {
    return error.message();
  }
  return "no error";
}

struct Case {
  const char* text;
  const char* expected;
};

void check(std::initializer_list<Case> cases) {
  for (const Case& one : cases) {
    CAPTURE(one.text);
    CHECK(made(one.text) == one.expected);
  }
}

}  // namespace

TEST_CASE("Text stays, fields are printed as Go prints them") {
  check({{"", ""},
         {"plain } text {", "plain } text {"},
         {"{{.Id}}", "sha256:abc"},
         {"<{{ .Config.User }}>", "<me>"},
         {"{{.RepoTags}}", "[a:1 b:2]"},
         {"{{.Config.Labels}}", "map[a:first z:last]"},
         {"{{.Size}} {{.Ratio}} {{.Yes}} {{.Nothing}} {{.Empty}}", "264000 1.5 true <no value> []"},
         {"{{.Nothing.Deeper}}", "<no value>"},
         {"{{.Config.Labels.absent}}", "<no value>"},
         {"{{(index .RepoTags 0)}}", "a:1"},
         {"{{$.Id}}", "sha256:abc"}});
}

TEST_CASE("Literals") {
  check({{R"({{"a\tb\"\x41\u00e9"}})", "a\tb\"A\xC3\xA9"},
         {"{{`raw \\n`}}", "raw \\n"},
         {"{{12}} {{-3}} {{1.25}} {{true}}", "12 -3 1.25 true"},
         {R"({{"}}"}})", "}}"}});
}

TEST_CASE("White space is trimmed where a dash asks for it, comments vanish") {
  check({{"a  {{- .Size -}}  b", "a264000b"},
         {"a {{-3}} b", "a -3 b"},
         {"a{{/* .Wrong }} \" */}}b", "ab"},
         {"a {{- /* x */ -}} b", "ab"}});
}

TEST_CASE("if, else if, else, with") {
  check({{"{{if .Parent}}p{{else}}none{{end}}", "none"},
         {"{{if .Parent}}p{{else if .Yes}}yes{{else}}none{{end}}", "yes"},
         {"{{if .Empty}}x{{end}}{{if .Nothing}}x{{end}}{{if 0}}x{{end}}", ""},
         {"{{with .Config}}{{.User}} {{$.Size}}{{end}}", "me 264000"},
         {"{{with .Parent}}x{{else}}{{.Id}}{{end}}", "sha256:abc"},
         {"{{with .Parent}}x{{else with .Config}}{{.User}}{{end}}", "me"},
         {"{{with $x := .Config}}{{$x.User}}{{end}}", "me"}});
}

TEST_CASE("range over lists and maps, with variables, break, continue and else") {
  check({{"{{range .RepoTags}}<{{.}}>{{end}}", "<a:1><b:2>"},
         {"{{range $i, $v := .RepoTags}}{{$i}}={{$v}} {{end}}", "0=a:1 1=b:2 "},
         {"{{range $k, $v := .Config.Labels}}{{$k}}={{$v}},{{end}}", "a=first,z=last,"},
         {"{{range $v := .RepoTags}}{{$v}}{{end}}", "a:1b:2"},
         {"{{range .Empty}}x{{else}}none{{end}}", "none"},
         {"{{range .Nothing}}x{{else}}none{{end}}", "none"},
         {"{{range .RepoTags}}{{.}}{{break}}{{end}}", "a:1"},
         {"{{range .RepoTags}}{{if eq . \"a:1\"}}{{continue}}{{end}}{{.}}{{end}}", "b:2"},
         {"{{range .Nested}}[{{range .}}{{.}}{{end}}]{{end}}", "[12][3]"},
         {"{{$n := 0}}{{range .RepoTags}}{{$n = .}}{{end}}{{$n}}", "b:2"},
         {"{{$n := 1}}{{range .RepoTags}}{{$n := 5}}{{end}}{{$n}}", "1"}});
}

TEST_CASE("Functions and pipelines") {
  check(
      {{"{{json .RepoTags}}", R"(["a:1","b:2"])"},
       {"{{json .Config}}", R"({"Cmd":["/bin/sh","-c"],"Labels":{"z":"last","a":"first"},"User":"me"})"},
       {"{{join .RepoTags \", \"}}", "a:1, b:2"},
       {"{{.Id | upper | lower | title}}", "Sha256:abc"},
       {"{{title \"two words\"}}", "Two Words"},
       {"{{index (split .Id \":\") 1}}", "abc"},
       {"{{split \"añb\" \"\" | len}}", "3"},
       {"{{len .RepoTags}} {{len .Id}} {{len .Config.Labels}}", "2 10 2"},
       {"{{index .Config.Labels \"a\"}}{{index .Config.Labels \"none\"}}", "first"},
       {"{{index .Nested 0 1}}", "2"},
       {"{{slice .Id 0 3}} {{slice .RepoTags 1}}", "sha [b:2]"},
       {"{{truncate .Id 3}}|{{pad \"x\" 1 2}}|", "sha| x  |"},
       {"{{println \"a\" 1}}{{print 1 2 \"a\" \"b\" 3}}", "a 1\n1 2ab3"},
       {"{{eq .Size 264000}}{{eq .Id \"x\" \"sha256:abc\"}}{{ne 1 2}}{{lt 1 2}}{{le 2 2}}{{gt \"b\" \"a\"}}{{ge 1 2}}",
        "truetruetruetruetruetruefalse"},
       {"{{and 1 0 .Wrong}}{{or 0 \"x\" .Wrong}}{{not .Yes}}", "0xfalse"},
       {"{{if and .Yes (gt .Size 10)}}big{{end}}", "big"}});
}

TEST_CASE("printf") {
  check({{R"({{printf "%s-%d-%q-%v-%%" .Id 7 "x" .RepoTags}})", "sha256:abc-7-\"x\"-[a:1 b:2]-%"},
         {R"({{printf "%-5s|%5s|%05d|%.2f|%x|%t|%.1s" "ab" "ab" 42 1.5 255 true "añ"}})",
          "ab   |   ab|00042|1.50|ff|true|a"},
         {R"({{printf "%d %s"  "x"}})", "%!d(string=x) %!s(MISSING)"},
         {R"({{printf "a" 1}})", "a%!(EXTRA 1)"},
         {R"({{"x" | printf "%s%s" "y"}})", "yx"},
         {R"({{printf "%"}})", "%!(NOVERB)"}});
}

TEST_CASE("What is wrong is said, with the column") {
  CHECK(error_of("{{.Sise}}") == "format template: column 3: there is no field `.Sise` (did you mean .Size?)");
  CHECK(error_of("{{.Size.X}}") == "format template: column 3: can't take field `.X` of number");
  CHECK(error_of("{{nofun 1}}") == "format template: column 3: function `nofun` is not known");
  CHECK(error_of("{{.Id") == "format template: column 1: unclosed action: `}}` is missing");
  CHECK(error_of("{{if .Id}}x") == "format template: column 3: `end` is missing");
  CHECK(error_of("x{{end}}") == "format template: column 4: `end` or `else` without an `if`, `range` or `with`");
  CHECK(error_of("{{if 1}}{{else}}{{else}}{{end}}").find("`else` after an `else`") != std::string::npos);
  CHECK(error_of("{{$x}}") == "format template: column 3: undefined variable `$x`");
  CHECK(error_of("{{break}}").find("outside of a range") != std::string::npos);
  CHECK(error_of("{{range .Size}}{{end}}").find("range can't go over 264000") != std::string::npos);
  CHECK(error_of("{{index .RepoTags 2}}") == "format template: column 3: index: 2 is out of range, of 2");
  CHECK(error_of("{{index .RepoTags -1}}").find("out of range") != std::string::npos);
  CHECK(error_of("{{slice .Id 5 2}}").find("the end lies before the start") != std::string::npos);
  CHECK(error_of("{{lt 1 \"a\"}}").find("can't compare number and string") != std::string::npos);
  CHECK(error_of("{{len}}") == "format template: column 3: len: takes 1 argument, not 0");
  CHECK(error_of("{{upper .Size}}").find("wants a text, not number") != std::string::npos);
  for (const char* text : {"{{}}", "{{|}}", "{{.Id .Size}}", "{{\"x}}", "{{(.Id}}", "{{.Id)}}", "{{1x}}",
                           "{{.Id | .Size}}", "{{template \"x\"}}", "{{/* x", "{{\"\\q\"}}", "{{and}}", "{{@}}",
                           "{{.Id}", "{{if}}{{end}}", "{{range $i, := .RepoTags}}{{end}}", "{{$x := }}"}) {
    CAPTURE(text);
    CHECK(error_of(text) != "no error");
  }
}

TEST_CASE("Nesting and work are bounded") {
  std::string deep, parentheses = "{{";
  for (int i = 0; i != 5000; ++i) deep += "{{if 1}}", parentheses += "(";
  CHECK(error_of(deep).find("nested too deeply") != std::string::npos);
  CHECK(error_of(parentheses + "}}").find("nested too deeply") != std::string::npos);
  std::string chain = "{{if 0}}";
  for (int i = 0; i != 5000; ++i) chain += "{{else if 0}}";
  CHECK(error_of(chain + "{{end}}").find("nested too deeply") != std::string::npos);
  Json many = Json::array();
  for (int i = 0; i != 200; ++i) many.push_back(i);
  const Template loops("{{range $}}{{range $}}{{range $}}{{range $}}x{{end}}{{end}}{{end}}{{end}}");
  CHECK_THROWS_AS(loops.execute(many), util::Error);
  CHECK(error_of("{{printf \"%999999999d\" 1}}") == "no error");
}

TEST_CASE("Rows are shown as a table, as JSON or by a template") {
  const std::map<std::string, std::string> headings = {{"ID", "IMAGE ID"}, {"Tag", "TAG"}, {"Size", "SIZE"}};
  const std::vector<Json> rows = {{{"ID", "0123456789ab"}, {"Tag", "1"}, {"Size", "5MB"}},
                                  {{"ID", "x"}, {"Tag", "léngthy-tag"}, {"Size", "1B"}}};
  const std::string standard = "table {{.Tag}}\t{{.ID}}\t{{.Size}}";
  CHECK(format_rows("", standard, headings, rows) ==
        "TAG           IMAGE ID       SIZE\n1             0123456789ab   5MB\nléngthy-tag   x              1B\n");
  CHECK(format_rows("table", standard, headings, {}) == "TAG       IMAGE ID   SIZE\n");
  CHECK(format_rows("table {{upper .Tag}}\\t{{json .ID}}", standard, headings, rows)
            .starts_with("TAG           IMAGE ID\n1             \"0123456789ab\"\n"));
  CHECK(format_rows("json", standard, headings, rows)
            .starts_with("{\"ID\":\"0123456789ab\",\"Tag\":\"1\",\"Size\":\"5MB\"}\n{"));
  CHECK(format_rows("{{.ID}}\\t{{.Tag}}", standard, headings, rows) == "0123456789ab\t1\nx\tléngthy-tag\n");
  CHECK_THROWS_AS(format_rows("{{.ID", standard, headings, {}), util::Error);
  CHECK_THROWS_AS(format_rows("{{.Wrong}}", standard, headings, rows), util::Error);
}

TEST_CASE("Text is shortened by letters") {
  CHECK(builder::format::shorten("abcdef", 6) == "abcdef");
  CHECK(builder::format::shorten("abcdefg", 6) == "abcde…");
  CHECK(builder::format::shorten("äöüßäöü", 3) == "äö…");
}

TEST_CASE("Fields that an object may lack have an empty value") {
  const Json data = Json::parse(R"({"Id": "x", "Config": {"User": "", "Cmd": null}})");
  const Json optional = {
      {"Id", {{"ID", "x"}}},
      {"User", {{"Cmd", Json::array()}, {"Ports", Json::object()}, {"Signal", ""}, {"Escaped", false}, {"Check", nullptr}}}};
  const auto make = [&](const char* text) { return Template(text).execute(data, optional); };
  CHECK(make("{{.ID}}") == "x");
  CHECK(make("{{.Config.Cmd}} {{.Config.Ports}} [{{.Config.Signal}}] {{.Config.Escaped}} {{.Config.Check}}") ==
        "[] map[] [] false <no value>");
  CHECK(make("{{json .Config.Cmd}} {{json .Config.Ports}} {{json .Config}}") == R"(null null {"User":"","Cmd":null})");
  CHECK(make("{{with .Config}}{{.Ports}}{{range .Ports}}x{{else}}-{{end}}{{end}}{{if .Config.Check}}x{{end}}") == "map[]-");
  CHECK_THROWS_AS(make("{{.Config.ID}}"), util::Error);
  CHECK_THROWS_AS(make("{{.Ports}}"), util::Error);
  try {
    make("{{.Config.Nope}}");
  } catch (const util::Error& error) {
    CHECK(error.hint() == "fields: .Check .Cmd .Escaped .Ports .Signal .User");
  }
}
