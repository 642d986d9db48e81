#include "cache/record_store_sql.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>

#include "util/log.h"
#include "util/scope_exit.h"

namespace cache::sql {
namespace {

constexpr int kBusyMilliseconds = 30000;

[[noreturn]] void throw_sql(sqlite3* database, const char* what, int code) {
  int primary = code & 0xff;
  const std::string message = fmt::format("{} the cache database: {}", what,
                                          database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code));
  if (primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT) {
    throw Damaged(message, "delete `cache.db` in the cache root; what it describes is made again");
  }
  const int cause = database != nullptr ? sqlite3_system_errno(database) : 0;
  if (primary == SQLITE_FULL) throw util::SystemError(fmt::format("{} the cache database", what), ENOSPC);
  if ((primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) && cause != 0) throw util::SystemError(message, cause);
  util::Error error(message);
  if (primary == SQLITE_BUSY) {
    error.set_hint("another builder process has held it for 30 seconds");
  }
  throw error;
}

void check(sqlite3* database, const char* what, int code) {
  if (code != SQLITE_OK) throw_sql(database, what, code);
}

}  // namespace

Query::~Query() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

Query& Query::bind(std::string_view text) {
  const char* data = text.data() != nullptr ? text.data() : "";
  check(database_, "query", sqlite3_bind_text64(statement_, next_++, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Query& Query::bind(const util::Digest& digest) {
  const std::string text = digest.to_string();
  check(database_, "query", sqlite3_bind_text64(statement_, next_++, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Query& Query::bind_blob(std::string_view bytes) {
  const char* data = bytes.data() != nullptr ? bytes.data() : "";
  check(database_, "query", sqlite3_bind_blob64(statement_, next_++, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Query& Query::bind(std::int64_t value) {
  check(database_, "query", sqlite3_bind_int64(statement_, next_++, value));
  return *this;
}

Query& Query::bind_null() {
  check(database_, "query", sqlite3_bind_null(statement_, next_++));
  return *this;
}

bool Query::step() {
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) throw_sql(database_, "use", code);
  return false;
}

std::string Query::text(int column) const {
  const void* data = sqlite3_column_blob(statement_, column);
  int size = sqlite3_column_bytes(statement_, column);
  if (data == nullptr || size <= 0) return {};
  return std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

std::int64_t Query::number(int column) const {
  return sqlite3_column_int64(statement_, column);
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Connection::Connection(const std::filesystem::path& file) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int code = sqlite3_open_v2(file.c_str(), &database_, flags, nullptr);
  if (code != SQLITE_OK) {
    const util::ScopeExit close([&] { sqlite3_close(database_); });
    util::with_context(fmt::format("`{}`", file.native()), [&] { throw_sql(database_, "open", code); });
  }
  sqlite3_busy_timeout(database_, kBusyMilliseconds);
}

Connection::~Connection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  sqlite3_close(database_);
}

void Connection::execute(const char* sql) {
  check(database_, "use", sqlite3_exec(database_, sql, nullptr, nullptr, nullptr));
}

bool Connection::changed_anything() const {
  return sqlite3_total_changes(database_) != 0;
}

Query Connection::query(const char* sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    check(database_, "query", sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
  }
  return Query(database_, statement);
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    connection_.execute("ROLLBACK");
  } catch (const std::exception& error) {
    util::log_debug(error.what());
  }
}

void Transaction::commit() {
  connection_.execute("COMMIT");
  open_ = false;
}

}  // namespace cache::sql
