#include "tools/images/usage_print.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "tools/format/table.h"
#include "tools/images/image_rows.h"
#include "util/text.h"
#include "util/time.h"

namespace builder {
namespace {

using cache::UsageEntry;

std::string last_used(const UsageEntry& entry, std::int64_t now) {
  return entry.used == 0 ? std::string() : util::human_duration(now - entry.used) + " ago";
}

const char* word(bool value) { return value ? "true" : "false"; }

}  // namespace

std::string usage_size(std::uint64_t bytes) { return util::human_size(bytes, 4); }

std::string usage_table(std::span<const UsageEntry> entries, std::int64_t now) {
  std::vector<std::vector<std::string>> rows = {{"ID", "RECLAIMABLE", "SIZE", "LAST ACCESSED"}};
  for (const UsageEntry& entry : entries) {
    rows.push_back({entry.id + (entry.is_mutable ? "*" : ""), word(!entry.in_use),
                    usage_size(entry.size) + (entry.shared() ? "*" : ""), last_used(entry, now)});
  }
  return format::align_columns(rows);
}

std::string usage_paragraphs(std::span<const UsageEntry> entries, std::int64_t now) {
  std::string text;
  for (const UsageEntry& entry : entries) {
    text += fmt::format("ID:\t\t{}\n", entry.id);
    if (!entry.parents.empty()) text += fmt::format("Parents:\t{}\n", util::join(entry.parents, "\n\t\t"));
    if (entry.created != 0) text += fmt::format("Created at:\t{}\n", util::format_rfc3339(entry.created));
    text += fmt::format("Mutable:\t{}\nReclaimable:\t{}\nShared:\t\t{}\n", word(entry.is_mutable), word(!entry.in_use), word(entry.shared()));
    text += fmt::format("Size:\t\t{}\nDescription:\t{}\n", usage_size(entry.size), entry.description);
    if (entry.used != 0) text += fmt::format("Last used:\t{}\n", last_used(entry, now));
    text += fmt::format("Type:\t\t{}\n\n", cache::to_string(entry.type));
  }
  return text;
}

std::vector<nlohmann::ordered_json> usage_rows(std::span<const UsageEntry> entries, std::int64_t now) {
  std::vector<nlohmann::ordered_json> rows;
  for (const UsageEntry& entry : entries) {
    rows.push_back({{"CreatedAt", entry.created == 0 ? "" : go_time(entry.created)},
                    {"Description", entry.description},
                    {"ID", entry.id},
                    {"LastUsedAt", last_used(entry, now)},
                    {"Mutable", entry.is_mutable},
                    {"Parents", entry.parents},
                    {"Reclaimable", !entry.in_use},
                    {"Shared", entry.shared()},
                    {"Size", usage_size(entry.size)},
                    {"Type", cache::to_string(entry.type)}});
  }
  return rows;
}

const std::map<std::string, std::string>& usage_headings() {
  static const std::map<std::string, std::string> headings = {
      {"ID", "ID"}, {"Parents", "PARENTS"}, {"CreatedAt", "CREATED AT"}, {"Mutable", "MUTABLE"}, {"Reclaimable", "RECLAIMABLE"},
      {"Shared", "SHARED"}, {"Size", "SIZE"}, {"Description", "DESCRIPTION"}, {"LastUsedAt", "LAST ACCESSED"}, {"Type", "TYPE"}};
  return headings;
}

std::string usage_totals(std::span<const UsageEntry> entries) {
  std::uint64_t total = 0, shared = 0, reclaimable = 0;
  for (const UsageEntry& entry : entries) {
    total += entry.size;
    shared += entry.shared_size;
    if (!entry.in_use) reclaimable += entry.own_size();
  }
  std::string text;
  if (shared > 0) text = fmt::format("Shared:\t\t{}\nPrivate:\t{}\n", usage_size(shared), usage_size(total - shared));
  return text + fmt::format("Reclaimable:\t{}\nTotal:\t\t{}\n", usage_size(reclaimable), usage_size(total));
}

}  // namespace builder
