#include "cache/record_store_usage.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cache/record_store_sql.h"
#include "oci/descriptor.h"
#include "util/json.h"
#include "util/text.h"

namespace cache {
namespace {

/// Rows of one transaction: the log of the database, which has a page for each that a row is on, must fit into the reserve.
constexpr std::size_t kPiece = 128;

template <typename T, typename F>
void in_pieces(sql::Connection& connection, const std::vector<T>& rows, const F& remove) {
  for (std::size_t start = 0; start < rows.size(); start += kPiece) {
    sql::Transaction transaction(connection);
    for (std::size_t i = start; i < std::min(start + kPiece, rows.size()); ++i) remove(rows[i]);
    transaction.commit();
  }
}

std::vector<std::int64_t> unused_summaries(sql::Connection& connection) {
  sql::Query query = connection.query("SELECT id FROM summaries WHERE id NOT IN (SELECT summary FROM records)");
  std::vector<std::int64_t> ids;
  while (query.step()) ids.push_back(query.number(0));
  return ids;
}

}  // namespace

struct UsageRows::State {
  explicit State(const std::filesystem::path& file) : connection(file) {
    connection.execute("PRAGMA wal_autocheckpoint = 128");  // pages; the log starts anew then
    connection.execute("PRAGMA secure_delete = OFF");       // else pages that become free are written to it, as zeros
  }
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
  sql::Connection& connection = state_->connection;
  in_pieces(connection, rows.facts, [&](const std::string& key) {
    connection.query("DELETE FROM facts WHERE key = ?").bind(key).run();
  });
  in_pieces(connection, rows.records, [&](const std::string& key) {
    connection.query("DELETE FROM records WHERE key = ?").bind(key).run();
  });
  in_pieces(connection, rows.layers, [&](const LayerId& id) {
    const std::string text = id.to_string();
    connection.query("DELETE FROM layers WHERE id = ?").bind(text).run();
    connection.query("DELETE FROM blobs WHERE layer = ?").bind(text).run();
  });
}

void UsageRows::remove_unused_summaries() {
  sql::Connection& connection = state_->connection;
  in_pieces(connection, unused_summaries(connection), [&](std::int64_t id) {
    connection.query("DELETE FROM summaries WHERE id = ?").bind(id).run();
  });
}

}  // namespace cache
