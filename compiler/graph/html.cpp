// A page with everything in it: the document of to_json(), a style and a script. A content security
// policy allows just these two, by hash, and no request at all; `<` is escaped in the document, so
// that no name can end the element that it stands in.

#include <array>

#include "compiler/graph/outputs.h"
#include "compiler/graph/page_files.h"
#include "compiler/support/sha256.h"

namespace policyc::graph {
namespace {

constexpr std::size_t kNamedEndpoints = 20;  // for each unit

std::string_view page_file(std::string_view name) {
  for (const EmbeddedFile& file : page_files()) {
    if (file.path.ends_with(name))
      return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
  }
  return {};
}

std::string base64_of_hex(const std::string& hex) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  unsigned bits = 0;
  int count = 0;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bits = bits << 8U | static_cast<unsigned>(std::stoul(hex.substr(i, 2), nullptr, 16));
    for (count += 8; count >= 6; count -= 6) text += kDigits[bits >> (count - 6) & 0x3fU];
  }
  if (count > 0) text += kDigits[bits << (6 - count) & 0x3fU];
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::string source_hash(std::string_view content) {
  return "'sha256-" + base64_of_hex(sha256_hex(content)) + "'";
}

// In a string of JSON these mean the same.
std::string escape_json_in_html(const std::string& json) {
  std::string text;
  text.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      text += "\\u003c";
    } else if (c == '>') {
      text += "\\u003e";
    } else if (c == '&') {
      text += "\\u0026";
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace

std::string to_html(const Graph& graph, const Selection& selection) {
  const std::string_view style = page_file("page.css");
  const std::string_view script = page_file("page.js");
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src " +
      source_hash(style) + "; script-src " + source_hash(script) +
      "; base-uri 'none'; form-action 'none'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>Who can talk to whom</title>\n<style>";
  text += style;
  text +=
      "</style>\n</head>\n<body>\n<header>\n<h1>Who can talk to whom</h1>\n"
      "<label>Search<input id=\"search\" type=\"search\" autocomplete=\"off\"></label>\n"
      "<label>Namespace<select id=\"namespace\"><option value=\"\">all</option></select></label>\n"
      "<label>Label<input id=\"label\" list=\"labels\" autocomplete=\"off\" "
      "placeholder=\"app=web\"></label><datalist id=\"labels\"></datalist>\n"
      "<button id=\"reset\" type=\"button\">Show everything</button>\n"
      "<span id=\"status\" role=\"status\"></span>\n</header>\n<main>\n"
      "<section id=\"picture\" aria-label=\"Picture\"></section>\n"
      "<aside><section id=\"detail\" aria-label=\"What is chosen\" "
      "aria-live=\"polite\"></section>\n"
      "<div class=\"legend\"><span>ports</span><span class=\"l7\">through an L7 proxy</span>"
      "<span class=\"auth\">authenticated</span></div>\n"
      "<section id=\"list\" aria-label=\"Connections\"></section></aside>\n</main>\n"
      "<script type=\"application/json\" id=\"data\">";
  text += escape_json_in_html(to_json(graph, selection, {.max_endpoints = kNamedEndpoints}));
  text += "</script>\n<script>";
  text += script;
  return text + "</script>\n</body>\n</html>\n";
}

}  // namespace policyc::graph
