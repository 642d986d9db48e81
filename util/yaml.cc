#include "util/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "util/error.h"

namespace util {
namespace {

constexpr int kDeepest = 100;

/// The pull parser of libyaml, one event at a time.
class Events {
 public:
  Events(std::string_view text, std::string_view what) : what_(what) {
    if (yaml_parser_initialize(&parser_) != 1) throw Error(fmt::format("{}: no memory for a YAML parser", what_));
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Events() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  /// The next one, valid until the one after it.
  const yaml_event_t& next() {
    yaml_event_delete(&event_);
    if (yaml_parser_parse(&parser_, &event_) != 1) {
      event_ = {};
      const std::string problem = parser_.problem == nullptr ? "malformed" : parser_.problem;
      throw Error(fmt::format("{}: line {}: {}", what_, parser_.problem_mark.line + 1, problem));
    }
    return event_;
  }
  [[noreturn]] void refuse(std::string_view why) const {
    throw Error(fmt::format("{}: line {}: {}", what_, event_.start_mark.line + 1, why));
  }

 private:
  std::string_view what_;
  yaml_parser_t parser_ = {};
  yaml_event_t event_ = {};
};

nlohmann::json scalar_value(const yaml_event_t& event) {
  const std::string text(reinterpret_cast<const char*>(event.data.scalar.value), event.data.scalar.length);
  if (event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE) return text;
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return nullptr;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  const bool octal = text.starts_with("0o");
  const bool hexadecimal = text.starts_with("0x");
  const char* begin = text.data() + (octal || hexadecimal ? 2 : text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  std::int64_t number = 0;
  const auto [stop, error] = std::from_chars(begin, end, number, octal ? 8 : hexadecimal ? 16 : 10);
  if (error == std::errc() && stop == end) return number;
  return text;
}

/// The value that `first` begins.
nlohmann::json read_value(Events& events, const yaml_event_t& first, int depth) {
  if (depth > kDeepest) events.refuse("nested too deeply");
  switch (first.type) {
    case YAML_SCALAR_EVENT:
      if (first.data.scalar.anchor != nullptr) events.refuse("anchors are not supported");
      return scalar_value(first);
    case YAML_SEQUENCE_START_EVENT: {
      if (first.data.sequence_start.anchor != nullptr) events.refuse("anchors are not supported");
      nlohmann::json list = nlohmann::json::array();
      for (;;) {
        const yaml_event_t& event = events.next();
        if (event.type == YAML_SEQUENCE_END_EVENT) return list;
        list.push_back(read_value(events, event, depth + 1));
      }
    }
    case YAML_MAPPING_START_EVENT: {
      if (first.data.mapping_start.anchor != nullptr) events.refuse("anchors are not supported");
      nlohmann::json object = nlohmann::json::object();
      for (;;) {
        const yaml_event_t& key = events.next();
        if (key.type == YAML_MAPPING_END_EVENT) return object;
        if (key.type != YAML_SCALAR_EVENT) events.refuse("a key has to be text");
        const std::string name(reinterpret_cast<const char*>(key.data.scalar.value), key.data.scalar.length);
        if (object.contains(name)) events.refuse("the key `" + name + "` comes twice");
        object[name] = read_value(events, events.next(), depth + 1);
      }
    }
    case YAML_ALIAS_EVENT:
      events.refuse("aliases are not supported");
    default:
      events.refuse("a value is missing");
  }
}

}  // namespace

nlohmann::json parse_yaml(std::string_view text, std::string_view what) {
  Events events(text, what);
  events.next();  // the stream
  if (events.next().type == YAML_STREAM_END_EVENT) return nullptr;
  nlohmann::json value = read_value(events, events.next(), 0);
  events.next();  // the end of the document
  if (events.next().type != YAML_STREAM_END_EVENT) events.refuse("there is a second document");
  return value;
}

}  // namespace util
