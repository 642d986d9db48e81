#pragma once

#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "frontend/dockerfile/parser.h"

// Short ways to a parsed Dockerfile for tests.
namespace test {

inline std::shared_ptr<const llb::SourceText> source(std::string text) {
  return std::make_shared<llb::SourceText>(llb::SourceText{"Dockerfile", std::move(text)});
}

inline dockerfile::Dockerfile parse(std::string text) {
  std::vector<dockerfile::Warning> warnings;
  return dockerfile::parse(source(std::move(text)), warnings);
}

inline std::vector<dockerfile::Warning> warnings_of(std::string text) {
  std::vector<dockerfile::Warning> warnings;
  dockerfile::parse(source(std::move(text)), warnings);
  return warnings;
}

/// Message of the error that parsing ends with; empty when there is none.
inline std::string parse_error(std::string text) {
  try {
    parse(std::move(text));
    return {};
  } catch (const dockerfile::ParseError& error) {
    return error.message();
  }
}

/// The instruction after "FROM scratch".
inline dockerfile::Instruction instruction(const std::string& text) {
  return parse("FROM scratch\n" + text).stages.at(0).instructions.at(0);
}

template <typename T>
T typed(const std::string& text) {
  return std::get<T>(instruction(text).value);
}

}  // namespace test
