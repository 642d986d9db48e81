#include "executor/plan_codec.h"

#include <concepts>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "util/error.h"

namespace executor {
namespace {

template <typename T, typename Plain>
concept Is = std::same_as<std::remove_const_t<T>, Plain>;

// What is written of each type, in this order.
auto members(Is<util::Mount> auto& m) {
  return std::tie(m.type, m.source, m.target, m.read_only, m.no_exec, m.no_suid, m.no_dev, m.recursive, m.size, m.mode,
                  m.lower, m.upper, m.work);
}
auto members(Is<Step> auto& s) {
  return std::tie(s.kind, s.mount, s.data, s.mode, s.uid, s.gid, s.major, s.minor, s.optional, s.otherwise);
}
auto members(Is<ResourceLimits::Ulimit> auto& u) {
  return std::tie(u.name, u.soft, u.hard);
}
// The cgroup limits stay with the parent, which makes the cgroup.
auto members(Is<ResourceLimits> auto& l) {
  return std::tie(l.ulimits);
}
// The hosts are already in a file of the plan.
auto members(Is<ProcessSpec> auto& p) {
  return std::tie(p.args, p.env, p.cwd, p.user, p.hostname, p.network, p.insecure, p.limits);
}
auto members(Is<SandboxPlan> auto& p) {
  return std::tie(p.staging, p.user_namespace, p.root, p.steps, p.process, p.seccomp);
}
auto members(Is<util::ExitStatus> auto& s) {
  return std::tie(s.code, s.signal);
}
auto members(Is<InitReport> auto& r) {
  return std::tie(r.status, r.error, r.hint);
}

template <typename T>
concept Number = std::is_arithmetic_v<T> || std::is_enum_v<T>;
template <typename T>
concept Compound = requires(T& value) { members(value); };

/// Numbers as they are in memory, true as 1; texts and lists behind their length, optional values behind a bool.
class Encoder {
 public:
  void put(Number auto value) { bytes_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  void put(const std::string& text) {
    put(std::uint64_t{text.size()});
    bytes_ += text;
  }
  template <typename T>
  void put(const std::vector<T>& list) {
    put(std::uint64_t{list.size()});
    for (const T& item : list) put(item);
  }
  template <typename T>
  void put(const std::optional<T>& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  void put(const Compound auto& value) {
    std::apply([&](const auto&... member) { (put(member), ...); }, members(value));
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : rest_(bytes) {}
  void get(bool& value) { value = cut(1)[0] != 0; }
  void get(Number auto& value) { std::memcpy(&value, cut(sizeof value).data(), sizeof value); }
  void get(std::string& text) { text = cut(size()); }
  template <typename T>
  void get(std::vector<T>& list) {
    // An item takes a byte at least, so that a wrong length cannot ask for more memory than there are bytes.
    std::uint64_t count = size();
    if (count > rest_.size()) fail();
    list.resize(count);
    for (T& item : list) get(item);
  }
  template <typename T>
  void get(std::optional<T>& value) {
    bool there = false;
    get(there);
    value.reset();
    if (there) get(value.emplace());
  }
  void get(Compound auto& value) {
    std::apply([&](auto&... member) { (get(member), ...); }, members(value));
  }
  void finish() const {
    if (!rest_.empty()) fail();
  }

 private:
  [[noreturn]] static void fail() { throw util::Error("read the sandbox's plan: it is damaged"); }
  std::uint64_t size() {
    std::uint64_t value = 0;
    get(value);
    return value;
  }
  std::string_view cut(std::uint64_t count) {
    if (count > rest_.size()) fail();
    std::string_view piece = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return piece;
  }

  std::string_view rest_;
};

template <typename T>
std::string encode(const T& value) {
  Encoder encoder;
  encoder.put(value);
  return encoder.take();
}

template <typename T>
T decode(std::string_view bytes) {
  Decoder decoder(bytes);
  T value;
  decoder.get(value);
  decoder.finish();
  return value;
}

}  // namespace

std::string encode_plan(const SandboxPlan& plan) {
  return encode(plan);
}

SandboxPlan decode_plan(std::string_view bytes) {
  return decode<SandboxPlan>(bytes);
}

std::string encode_report(const InitReport& report) {
  return encode(report);
}

std::optional<InitReport> decode_report(std::string_view bytes) {
  try {
    return decode<InitReport>(bytes);
  } catch (const util::Error&) {
    return std::nullopt;
  }
}

}  // namespace executor
