#pragma once

#include <span>
#include <string>
#include <vector>

#include "util/digest.h"

namespace solver {

/// One input as the keys see it.
struct KeyInput {
  util::Digest chain;    ///< chain id; empty for an input without one
  util::Digest content;  ///< content digest of what the op sees; empty when not asked for
  std::string selector;
};

/// H("chain-key/1", op, for each input: chain id, or content where there is no chain id; selector).
util::Digest chain_key(const util::Digest& op, std::span<const KeyInput> inputs);
/// H("content-key/1", op, for each input: content digest where there is one, else chain id; selector).
util::Digest content_key(const util::Digest& op, std::span<const KeyInput> inputs);

/// H("unread/1", op, for each input: chain id or nothing; selector): what is known of an action before its contexts are
/// read. No key of a record, but of the lock that has such an action run once.
util::Digest unread_key(const util::Digest& op, std::span<const KeyInput> inputs);

}  // namespace solver
