#pragma once

#include <optional>
#include <stop_token>
#include <string>

namespace builder {

/// Are both standard input and output a terminal, so that a person can be asked?
bool can_prompt();
/// Asks on the terminal and reads one line, without its end; with `hidden` it is not echoed. nullopt at the end of the
/// input. Throws util::Cancelled.
std::optional<std::string> prompt(const std::string& question, bool hidden, std::stop_token stop);

}  // namespace builder
