#include "solver/key_chain.h"

#include "util/check.h"

namespace solver {
namespace {

util::Digest key(std::string_view recipe, const util::Digest& op, std::span<const KeyInput> inputs,
                 bool prefer_content) {
  util::Hasher hash(recipe);
  hash.field("op", op);
  hash.number("inputs", static_cast<std::int64_t>(inputs.size()));
  for (const KeyInput& input : inputs) {
    const bool by_content = !input.content.empty() && (prefer_content || input.chain.empty());
    CHECK(by_content || !input.chain.empty());
    hash.field(by_content ? "content" : "chain", by_content ? input.content : input.chain);
    hash.field("selector", input.selector);
  }
  return hash.finish();
}

}  // namespace

util::Digest chain_key(const util::Digest& op, std::span<const KeyInput> inputs) {
  return key("chain-key/1", op, inputs, false);
}

util::Digest content_key(const util::Digest& op, std::span<const KeyInput> inputs) {
  return key("content-key/1", op, inputs, true);
}

util::Digest unread_key(const util::Digest& op, std::span<const KeyInput> inputs) {
  util::Hasher hash("unread/1");
  hash.field("op", op);
  for (const KeyInput& input : inputs) {
    hash.field("chain", input.chain);
    hash.field("selector", input.selector);
  }
  return hash.finish();
}

}  // namespace solver
