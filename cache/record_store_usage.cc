#include "cache/record_store_usage.h"

#include <nlohmann/json.hpp>

#include "cache/record_store_sql.h"
#include "oci/descriptor.h"
#include "util/json.h"
#include "util/text.h"

namespace cache {

struct UsageRows::State {
  explicit State(const std::filesystem::path& file) : connection(file) {}
  sql::Connection connection;
};

UsageRows::UsageRows(const std::filesystem::path& file) : state_(std::make_unique<State>(file)) {}
UsageRows::~UsageRows() = default;

std::vector<LayerUse> UsageRows::layers() {
  sql::Query query = state_->connection.query(
      "SELECT id, snapshot, listing, remote, origin, created, size, used FROM layers ORDER BY id");
  std::vector<LayerUse> rows;
  while (query.step()) {
    LayerUse row;
    row.id = util::Digest::parse(query.text(0));
    row.snapshot = query.text(1);
    row.has_listing = query.number(2) != 0;
    if (!query.is_null(3)) {
      row.remote = oci::descriptor_from_json(util::parse_json(query.text(3), "layer descriptor")).digest;
    }
    row.origin = query.text(4);
    row.created = query.number(5);
    row.size = static_cast<std::uint64_t>(query.number(6));
    row.used = query.number(7);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<BlobUse> UsageRows::blobs() {
  sql::Query query = state_->connection.query("SELECT layer, digest FROM blobs ORDER BY layer, digest");
  std::vector<BlobUse> rows;
  while (query.step()) rows.push_back({util::Digest::parse(query.text(0)), util::Digest::parse(query.text(1))});
  return rows;
}

std::vector<RecordUse> UsageRows::records() {
  sql::Query query = state_->connection.query(
      "SELECT key, layers, name, used FROM records LEFT JOIN summaries ON summaries.id = records.summary ORDER BY key");
  std::vector<RecordUse> rows;
  while (query.step()) {
    RecordUse row{query.text(0), {}, query.text(2), query.number(3)};
    for (const std::string& layer : util::split(query.text(1), ' ')) {
      if (!layer.empty()) row.layers.push_back(util::Digest::parse(layer));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<FactUse> UsageRows::facts() {
  sql::Query query = state_->connection.query("SELECT key, value, saved FROM facts ORDER BY key");
  std::vector<FactUse> rows;
  while (query.step()) rows.push_back({query.text(0), query.text(1), query.number(2)});
  return rows;
}

void UsageRows::remove(const RemovedRows& rows) {
  if (rows.layers.empty() && rows.records.empty() && rows.facts.empty()) return;
  sql::Connection& connection = state_->connection;
  sql::Transaction transaction(connection);
  for (const std::string& key : rows.records) {
    connection.query("DELETE FROM records WHERE key = ?").bind(key).run();
  }
  for (const LayerId& id : rows.layers) {
    const std::string text = id.to_string();
    connection.query("DELETE FROM layers WHERE id = ?").bind(text).run();
    connection.query("DELETE FROM blobs WHERE layer = ?").bind(text).run();
  }
  for (const std::string& key : rows.facts) connection.query("DELETE FROM facts WHERE key = ?").bind(key).run();
  if (!rows.records.empty()) {
    connection.execute("DELETE FROM summaries WHERE id NOT IN (SELECT summary FROM records)");
  }
  transaction.commit();
}

}  // namespace cache
