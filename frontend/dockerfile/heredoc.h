#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frontend/dockerfile/instruction.h"

// Here-documents (FEATURES.md 1.2): `[fd]<<[-]word`, blanks allowed before the word.
namespace dockerfile {

/// Whether `word` is a here-document redirection, without content. Throws util::Error for unbalanced quotes in it.
std::optional<Heredoc> parse_heredoc(std::string_view word);

/// The same, but a malformed word is just no here-document.
std::optional<Heredoc> try_parse_heredoc(std::string_view word);

/// All redirections of an instruction line in order. None when the line cannot be split into words.
std::vector<Heredoc> heredocs_in_line(std::string_view line);

/// Rejoins arguments that were split at the blanks of `<< word`.
std::vector<std::string> join_heredoc_words(std::vector<std::string> words);

/// Without the tabs at the beginning of each line.
std::string strip_leading_tabs(std::string_view content);

}  // namespace dockerfile
