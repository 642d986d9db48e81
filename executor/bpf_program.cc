#include "executor/bpf_program.h"

#include <linux/seccomp.h>

#include <bit>
#include <cerrno>
#include <cstddef>

namespace executor {
namespace {

constexpr std::uint32_t kRefuse = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

/// A stretch of call numbers with one fate, up to the start of the next.
struct Range {
  std::uint32_t start = 0;
  const CallAction* action = nullptr;  ///< nullptr: `verdict`
  std::uint32_t verdict = kRefuse;
};

constexpr std::uint32_t argument_offset(int argument) {
  std::uint32_t offset = offsetof(seccomp_data, args) + 8 * static_cast<std::uint32_t>(argument);
  return std::endian::native == std::endian::little ? offset : offset + 4;
}

std::uint32_t plain_verdict(const CallAction& action) {
  return action.allow ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(action.error);
}

std::vector<Range> make_ranges(const ArchitectureFilter& filter) {
  std::vector<Range> ranges;
  auto add = [&](std::uint32_t start, const CallAction* action, std::uint32_t verdict) {
    if (!ranges.empty() && ranges.back().start == start) ranges.pop_back();
    bool same =
        !ranges.empty() && action == nullptr && ranges.back().action == nullptr && ranges.back().verdict == verdict;
    if (!same) ranges.push_back({start, action, verdict});
  };
  add(0, nullptr, kRefuse);
  for (const auto& [number, action] : filter.calls) {
    if (action.rules.empty()) {
      add(number, nullptr, plain_verdict(action));
    } else {
      add(number, &action, 0);
    }
    add(number + 1, nullptr, kRefuse);
  }
  add(filter.first_unknown, nullptr, kUnknown);
  return ranges;
}

class Program {
 public:
  void statement(unsigned code, std::uint32_t value) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, value});
  }
  void jump(unsigned test, std::uint32_t value, unsigned if_true, unsigned if_false) {
    code_.push_back({static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), static_cast<std::uint8_t>(if_true),
                     static_cast<std::uint8_t>(if_false), value});
  }
  void load(std::uint32_t offset) { statement(BPF_LD | BPF_W | BPF_ABS, offset); }
  void end(std::uint32_t verdict) { statement(BPF_RET | BPF_K, verdict); }

  /// A jump of any distance; `land` fills it in.
  std::size_t jump_ahead() {
    statement(BPF_JMP | BPF_JA, 0);
    return code_.size() - 1;
  }
  void land(std::size_t jump) { code_[jump].k = static_cast<std::uint32_t>(code_.size() - jump - 1); }

  void rule(const ArgumentRule& rule) {
    load(argument_offset(rule.argument));
    if (rule.test == ArgumentRule::Test::has_no_bits) {
      jump(BPF_JSET, rule.values.at(0), 0, 1);
      end(kRefuse);
      end(SECCOMP_RET_ALLOW);
      return;
    }
    bool allow_equal = rule.test == ArgumentRule::Test::equals_one_of;
    for (std::uint32_t value : rule.values) {
      jump(BPF_JEQ, value, 0, 1);
      end(allow_equal ? SECCOMP_RET_ALLOW : kRefuse);
    }
    end(allow_equal ? kRefuse : SECCOMP_RET_ALLOW);
  }

  /// Binary search over ranges[first, last) with the call's number in the accumulator.
  void search(const std::vector<Range>& ranges, std::size_t first, std::size_t last) {
    if (last - first == 1) {
      const Range& range = ranges[first];
      if (range.action == nullptr) return end(range.verdict);
      return rule(range.action->rules.front());
    }
    std::size_t middle = first + (last - first) / 2;
    jump(BPF_JGE, ranges[middle].start, 0, 1);
    std::size_t right = jump_ahead();
    search(ranges, first, middle);
    land(right);
    search(ranges, middle, last);
  }

  void table(const ArchitectureFilter& filter) {
    std::vector<Range> ranges = make_ranges(filter);
    search(ranges, 0, ranges.size());
  }

  std::vector<sock_filter> take() { return std::move(code_); }

 private:
  std::vector<sock_filter> code_;
};

}  // namespace

std::vector<sock_filter> compile_filter(const FilterTable& table) {
  Program program;
  bool first = true;
  for (const ArchitectureFilter& architecture : table.architectures) {
    program.load(offsetof(seccomp_data, arch));
    program.jump(BPF_JEQ, architecture.audit_architecture, 1, 0);
    std::size_t other = program.jump_ahead();
    program.load(offsetof(seccomp_data, nr));
    if (first && table.foreign_abi_bit != 0) {
      program.jump(BPF_JGE, table.foreign_abi_bit, 1, 0);
      std::size_t native = program.jump_ahead();
      program.table(table.foreign);
      program.land(native);
    }
    program.table(architecture);
    program.land(other);
    first = false;
  }
  program.end(SECCOMP_RET_KILL_PROCESS);
  return program.take();
}

}  // namespace executor
