#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "util/digest.h"
#include "util/error.h"

namespace cache::sql {

/// The file is no database, or a damaged one.
class Damaged : public util::Error {
 public:
  using util::Error::Error;
};

/// A prepared statement between two resets; bind in order, then step. Borrowed from its Connection, reset by the
/// destructor.
class Query {
 public:
  Query(sqlite3* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  Query(const Query&) = delete;
  ~Query();
  /// Binds the next parameter. The text must live until the Query is gone.
  Query& bind(std::string_view text);
  template <std::same_as<std::string> T>
  Query& bind(T&& temporary) = delete;
  /// A copy of its text.
  Query& bind(const util::Digest& digest);
  Query& bind_blob(std::string_view bytes);
  Query& bind(std::int64_t value);
  Query& bind_null();
  /// True when there is a row. Throws util::Error.
  bool step();
  /// Steps a statement that has no rows.
  void run() { step(); }
  std::string text(int column) const;
  std::int64_t number(int column) const;
  bool is_null(int column) const;

 private:
  sqlite3* database_;
  sqlite3_stmt* statement_;
  int next_ = 1;
};

/// A database connection whose statements are prepared on first use and kept. Not thread-safe.
class Connection {
 public:
  /// Opens or creates; waits up to 30 seconds where another process holds a lock.
  explicit Connection(const std::filesystem::path& file);
  ~Connection();
  Connection(const Connection&) = delete;

  void execute(const char* sql);
  /// Whether rows were written by this connection.
  bool changed_anything() const;
  /// `sql` must be a string literal (the statement is kept under its address).
  Query query(const char* sql);

 private:
  sqlite3* database_ = nullptr;
  std::map<const char*, sqlite3_stmt*> statements_;
};

/// BEGIN IMMEDIATE ... COMMIT; rolled back unless `commit` is called.
class Transaction {
 public:
  explicit Transaction(Connection& connection) : connection_(connection) { connection_.execute("BEGIN IMMEDIATE"); }
  Transaction(const Transaction&) = delete;
  ~Transaction();
  void commit();

 private:
  Connection& connection_;
  bool open_ = true;
};

}  // namespace cache::sql
