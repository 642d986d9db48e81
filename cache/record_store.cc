#include "cache/record_store.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>

#include "cache/record_store_sql.h"
#include "util/error.h"
#include "util/file_lock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/stats.h"
#include "util/sync.h"
#include "util/time.h"

namespace cache {
namespace {

constexpr std::int64_t kSchemaVersion = 1;
/// "Used" times are kept to the hour, so that a build that changed nothing writes nothing.
constexpr std::int64_t kUsedGranularity = 3600LL * 1000 * 1000 * 1000;
/// Summaries kept per step name.
constexpr std::int64_t kSummariesPerName = 4;
constexpr std::size_t kTouchBatch = 512;

constexpr const char* kSchema = R"(
CREATE TABLE records(key TEXT PRIMARY KEY, layers TEXT NOT NULL, summary INTEGER NOT NULL, created INTEGER NOT NULL,
                     used INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX records_by_summary ON records(summary);
CREATE TABLE summaries(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created INTEGER NOT NULL, summary TEXT NOT NULL);
CREATE INDEX summaries_by_name ON summaries(name, id);
CREATE TABLE layers(id TEXT PRIMARY KEY, snapshot TEXT NOT NULL, listing INTEGER NOT NULL, remote TEXT, origin TEXT NOT NULL,
                    created INTEGER NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE blobs(layer TEXT NOT NULL, compression TEXT NOT NULL, variant TEXT NOT NULL, digest TEXT NOT NULL, size INTEGER NOT NULL,
                   diff_id TEXT NOT NULL, PRIMARY KEY(layer, compression, variant)) WITHOUT ROWID;
CREATE INDEX blobs_by_digest ON blobs(digest);
CREATE TABLE facts(key TEXT PRIMARY KEY, value TEXT NOT NULL, saved INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
)";

std::int64_t schema_version(sql::Connection& connection) {
  sql::Query query = connection.query("PRAGMA user_version");
  return query.step() ? query.number(0) : 0;
}

/// The tables are made by one process while the others wait: switching to WAL is not covered by SQLite's busy handler.
void create_schema(sql::Connection& connection, const std::filesystem::path& file) {
  std::filesystem::path lock_path = file;
  lock_path += ".lock";
  util::FileLock lock = util::FileLock::acquire(lock_path, util::LockMode::exclusive);
  if (schema_version(connection) != 0) return;
  connection.execute("PRAGMA journal_mode = WAL");
  sql::Transaction transaction(connection);
  connection.execute(kSchema);
  transaction.commit();
}

std::string encode_layers(const std::vector<LayerId>& layers) {
  std::string text;
  for (const LayerId& layer : layers) {
    if (!text.empty()) text += ' ';
    text += layer.to_string();
  }
  return text;
}

std::vector<LayerId> decode_layers(std::string_view text) {
  std::vector<LayerId> layers;
  while (!text.empty()) {
    std::size_t space = text.find(' ');
    layers.push_back(util::Digest::parse(text.substr(0, space)));
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
  }
  return layers;
}

LayerRow read_layer_row(const sql::Query& query) {
  LayerRow row;
  row.id = util::Digest::parse(query.text(0));
  row.snapshot = query.text(1);
  row.has_listing = query.number(2) != 0;
  if (!query.is_null(3)) row.remote = oci::descriptor_from_json(util::parse_json(query.text(3), "layer descriptor"));
  row.remote_origin = query.text(4);
  row.created = query.number(5);
  row.size = static_cast<std::uint64_t>(query.number(6));
  return row;
}

void write_layer_row(sql::Connection& connection, const LayerRow& row) {
  std::string remote = row.remote ? util::dump_json(oci::to_json(*row.remote)) : std::string();
  sql::Query query = connection.query("INSERT OR REPLACE INTO layers VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  query.bind(row.id).bind(row.snapshot).bind(std::int64_t{row.has_listing});
  row.remote ? query.bind(remote) : query.bind_null();
  query.bind(row.remote_origin)
      .bind(row.created)
      .bind(static_cast<std::int64_t>(row.size))
      .bind(util::now_nanoseconds());
  query.run();
}

void write_blob_row(sql::Connection& connection, const BlobRow& row) {
  sql::Query query = connection.query("INSERT OR REPLACE INTO blobs VALUES(?, ?, ?, ?, ?, ?)");
  query.bind(row.layer).bind(util::to_string(row.compression)).bind(row.variant);
  query.bind(row.digest).bind(static_cast<std::int64_t>(row.size)).bind(row.diff_id);
  query.run();
}

void delete_layer_rows(sql::Connection& connection, const LayerId& id) {
  connection.query("DELETE FROM layers WHERE id = ?").bind(id).run();
  connection.query("DELETE FROM blobs WHERE layer = ?").bind(id).run();
}

}  // namespace

struct RecordStore::State {
  explicit State(const std::filesystem::path& file) : connection(file) {
    connection.execute("PRAGMA synchronous = NORMAL");
    std::int64_t version = schema_version(connection);
    if (version == 0) {
      create_schema(connection, file);
      version = schema_version(connection);
    }
    if (version != kSchemaVersion) {
      throw util::Error(fmt::format("open the cache database `{}`: it has format {}, this builder knows format {}",
                                    file.native(), version, kSchemaVersion),
                        "name another directory in BUILDER_ROOT, or delete the cache");
    }
  }

  /// Later, and only if the recorded time is old.
  void note_use(const std::string& key) {
    touched.insert(key);
    if (touched.size() >= kTouchBatch) write_uses();
  }

  void write_uses() {
    if (touched.empty()) return;
    std::int64_t now = util::now_nanoseconds();
    sql::Transaction transaction(connection);
    for (const std::string& key : touched) {
      connection.query("UPDATE records SET used = ? WHERE key = ? AND used < ?")
          .bind(now)
          .bind(key)
          .bind(now - kUsedGranularity)
          .run();
      connection.query("UPDATE layers SET used = ? WHERE id = ? AND used < ?")
          .bind(now)
          .bind(key)
          .bind(now - kUsedGranularity)
          .run();
    }
    transaction.commit();
    touched.clear();
  }

  std::int64_t save_summary(const Record& record) {
    connection.query("INSERT INTO summaries(name, created, summary) VALUES(?, ?, ?)")
        .bind(record.name)
        .bind(record.created)
        .bind(record.summary)
        .run();
    sql::Query id = connection.query("SELECT last_insert_rowid()");
    id.step();
    std::int64_t row = id.number(0);
    connection
        .query(
            "DELETE FROM summaries WHERE name = ?1 AND id NOT IN "
            "(SELECT id FROM summaries WHERE name = ?1 ORDER BY id DESC LIMIT ?2)")
        .bind(record.name)
        .bind(kSummariesPerName)
        .run();
    return row;
  }

  sql::Connection connection;
  std::set<std::string> touched;
};

namespace {

std::filesystem::path with_suffix(std::filesystem::path path, std::string_view suffix) {
  path += suffix;
  return path;
}

bool is_damaged(const std::filesystem::path& file) {
  try {
    sql::Connection connection(file);
    schema_version(connection);
    return false;
  } catch (const sql::Damaged&) {
    return true;
  }
}

/// One of the processes that find it damaged moves it; what it described is made anew.
void move_aside(const std::filesystem::path& file) {
  util::FileLock lock = util::FileLock::acquire(with_suffix(file, ".lock"), util::LockMode::exclusive);
  if (!is_damaged(file)) return;
  const std::filesystem::path aside = with_suffix(file, fmt::format(".damaged-{}", util::now_nanoseconds()));
  std::filesystem::rename(file, aside);
  for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(with_suffix(file, suffix));
  util::log_warning(fmt::format("the cache database `{}` is damaged; it was moved to `{}`, and steps run again",
                                file.native(), aside.filename().native()));
}

}  // namespace

RecordStore::RecordStore(const std::filesystem::path& file) : file_(file) {
  try {
    state_ = std::make_unique<util::Sync<State>>(file);
  } catch (const sql::Damaged&) {
    move_aside(file);
    state_ = std::make_unique<util::Sync<State>>(file);
  }
}

RecordStore::~RecordStore() {
  try {
    state_->lock()->write_uses();
  } catch (const std::exception& error) {
    util::log_warning(error.what());
  }
}

std::optional<Record> RecordStore::find_record(const util::Digest& key) {
  auto state = state_->lock();
  sql::Query query = state->connection.query(
      "SELECT layers, records.created, name, summaries.summary FROM records "
      "LEFT JOIN summaries ON summaries.id = records.summary WHERE key = ?");
  query.bind(key);
  if (!query.step()) return std::nullopt;
  return Record{key, decode_layers(query.text(0)), query.text(3), query.text(2), query.number(1)};
}

std::optional<std::vector<LayerId>> RecordStore::find_result(const util::Digest& key) {
  static util::Counter& lookups = util::counter("records.lookups");
  lookups.add();
  auto state = state_->lock();
  std::string text;
  std::int64_t used = 0;
  {
    sql::Query query = state->connection.query("SELECT layers, used FROM records WHERE key = ?");
    query.bind(key);
    if (!query.step()) return std::nullopt;
    text = query.text(0);
    used = query.number(1);
  }
  if (used < util::now_nanoseconds() - kUsedGranularity) state->note_use(key.to_string());
  return decode_layers(text);
}

void RecordStore::save_records(const std::vector<Record>& records) {
  if (records.empty()) return;
  auto state = state_->lock();
  sql::Transaction transaction(state->connection);
  const Record* previous = nullptr;
  std::int64_t summary = 0;
  for (const Record& record : records) {
    // The keys of one result share their summary.
    if (previous == nullptr || previous->name != record.name || previous->summary != record.summary) {
      summary = state->save_summary(record);
    }
    previous = &record;
    std::string layers = encode_layers(record.layers);
    state->connection.query("INSERT OR REPLACE INTO records VALUES(?, ?, ?, ?, ?)")
        .bind(record.key)
        .bind(layers)
        .bind(summary)
        .bind(record.created)
        .bind(util::now_nanoseconds())
        .run();
  }
  transaction.commit();
}

std::optional<Record> RecordStore::latest_record(const std::string& name) {
  auto state = state_->lock();
  sql::Query query = state->connection.query(
      "SELECT key, layers, summaries.created, summaries.summary FROM summaries "
      "LEFT JOIN records ON records.summary = summaries.id WHERE name = ? ORDER BY id DESC LIMIT 1");
  query.bind(name);
  if (!query.step()) return std::nullopt;
  Record record;
  if (!query.is_null(0)) {
    record.key = util::Digest::parse(query.text(0));
    record.layers = decode_layers(query.text(1));
  }
  record.created = query.number(2);
  record.summary = query.text(3);
  record.name = name;
  return record;
}

bool RecordStore::has_summary(const std::string& name) {
  auto state = state_->lock();
  sql::Query query = state->connection.query("SELECT 1 FROM summaries WHERE name = ? LIMIT 1");
  query.bind(name);
  return query.step();
}

std::optional<LayerRow> RecordStore::find_layer(const LayerId& id) {
  auto state = state_->lock();
  sql::Query query =
      state->connection.query("SELECT id, snapshot, listing, remote, origin, created, size FROM layers WHERE id = ?");
  query.bind(id);
  if (!query.step()) return std::nullopt;
  return read_layer_row(query);
}

void RecordStore::save_layer(const LayerRow& row) {
  auto state = state_->lock();
  write_layer_row(state->connection, row);
}

void RecordStore::set_remote(const LayerId& id, const oci::Descriptor& remote, const std::string& origin) {
  std::string text = util::dump_json(oci::to_json(remote));
  auto state = state_->lock();
  state->connection
      .query(
          "INSERT INTO layers VALUES(?1, '', 0, ?2, ?3, 0, 0, ?4) "
          "ON CONFLICT(id) DO UPDATE SET remote = ?2, origin = ?3, used = ?4")
      .bind(id)
      .bind(text)
      .bind(origin)
      .bind(util::now_nanoseconds())
      .run();
}

void RecordStore::set_directory(const LayerId& id, const std::string& snapshot, bool has_listing, std::uint64_t size) {
  auto state = state_->lock();
  state->connection
      .query(
          "INSERT INTO layers VALUES(?1, ?2, ?3, NULL, '', 0, ?4, ?5) "
          "ON CONFLICT(id) DO UPDATE SET snapshot = ?2, listing = ?3, size = ?4, used = ?5")
      .bind(id)
      .bind(snapshot)
      .bind(std::int64_t{has_listing})
      .bind(static_cast<std::int64_t>(size))
      .bind(util::now_nanoseconds())
      .run();
}

std::vector<BlobRow> RecordStore::layer_blobs(const LayerId& id) {
  auto state = state_->lock();
  sql::Query query =
      state->connection.query("SELECT compression, variant, digest, size, diff_id FROM blobs WHERE layer = ?");
  query.bind(id);
  std::vector<BlobRow> rows;
  while (query.step()) {
    std::optional<util::Compression> compression = util::parse_compression(query.text(0));
    if (!compression) continue;
    rows.push_back(BlobRow{id, *compression, query.text(1), util::Digest::parse(query.text(2)),
                           static_cast<std::uint64_t>(query.number(3)), util::Digest::parse(query.text(4))});
  }
  return rows;
}

std::optional<BlobRow> RecordStore::find_blob(const util::Digest& digest) {
  auto state = state_->lock();
  sql::Query query =
      state->connection.query("SELECT layer, compression, variant, size, diff_id FROM blobs WHERE digest = ?");
  query.bind(digest);
  while (query.step()) {
    std::optional<util::Compression> compression = util::parse_compression(query.text(1));
    if (!compression) continue;
    return BlobRow{util::Digest::parse(query.text(0)), *compression, query.text(2), digest,
                   static_cast<std::uint64_t>(query.number(3)), util::Digest::parse(query.text(4))};
  }
  return std::nullopt;
}

void RecordStore::save_blob(const BlobRow& row) {
  auto state = state_->lock();
  write_blob_row(state->connection, row);
}

void RecordStore::remove_layer(const LayerId& id) {
  auto state = state_->lock();
  sql::Transaction transaction(state->connection);
  delete_layer_rows(state->connection, id);
  transaction.commit();
}

void RecordStore::replace_layer(const LayerRow& row, const std::vector<BlobRow>& blobs) {
  auto state = state_->lock();
  sql::Transaction transaction(state->connection);
  delete_layer_rows(state->connection, row.id);
  write_layer_row(state->connection, row);
  for (const BlobRow& blob : blobs) write_blob_row(state->connection, blob);
  transaction.commit();
}

void RecordStore::remove_blob(const util::Digest& digest) {
  auto state = state_->lock();
  state->connection.query("DELETE FROM blobs WHERE digest = ?").bind(digest).run();
}

std::vector<LayerRow> RecordStore::all_layers() {
  auto state = state_->lock();
  sql::Query query =
      state->connection.query("SELECT id, snapshot, listing, remote, origin, created, size FROM layers ORDER BY id");
  std::vector<LayerRow> rows;
  while (query.step()) rows.push_back(read_layer_row(query));
  return rows;
}

std::optional<std::pair<std::string, std::int64_t>> RecordStore::find_fact(const std::string& key) {
  auto state = state_->lock();
  sql::Query query = state->connection.query("SELECT value, saved FROM facts WHERE key = ?");
  query.bind(key);
  if (!query.step()) return std::nullopt;
  return std::pair(query.text(0), query.number(1));
}

void RecordStore::save_fact(const std::string& key, const std::string& value) {
  auto state = state_->lock();
  state->connection.query("INSERT OR REPLACE INTO facts VALUES(?, ?, ?)")
      .bind(key)
      .bind(value)
      .bind(util::now_nanoseconds())
      .run();
}

void RecordStore::touch(const util::Digest& key_or_layer) {
  state_->lock()->note_use(key_or_layer.to_string());
}

void RecordStore::write_back() noexcept {
  try {
    if (!state_->lock()->connection.changed_anything()) return;
    // By a connection of its own: who uses the other one meanwhile does not wait for the disk.
    sql::Connection(file_).execute("PRAGMA wal_checkpoint(PASSIVE)");
  } catch (const std::exception& error) {
    util::log_debug(error.what());
  }
}

}  // namespace cache
