#include "executor/seccomp.h"

#include <doctest/doctest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <random>

#include "executor/bpf_program.h"

using executor::ArchitectureFilter;
using executor::ArgumentRule;
using executor::FilterTable;

namespace {

/// What the kernel would do: the instructions that filters are made of here.
std::uint32_t interpret(const std::vector<sock_filter>& code, const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  for (std::size_t pc = 0; pc < code.size(); ++pc) {
    const sock_filter& i = code[pc];
    switch (i.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + i.k, 4);
        break;
      case BPF_JMP | BPF_JA:
        pc += i.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        pc += accumulator == i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        pc += accumulator >= i.k ? i.jt : i.jf;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        pc += (accumulator & i.k) != 0 ? i.jt : i.jf;
        break;
      case BPF_RET | BPF_K:
        return i.k;
      default:
        FAIL("unknown instruction");
        return 0;
    }
  }
  FAIL("fell off the end");
  return 0;
}

seccomp_data call(std::uint32_t architecture, std::uint32_t number, std::uint64_t argument = 0) {
  seccomp_data data = {};
  data.arch = architecture;
  data.nr = static_cast<int>(number);
  data.args[0] = argument;
  return data;
}

constexpr std::uint32_t kRefused = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

std::vector<sock_filter> default_filter(executor::Capabilities capabilities = executor::default_capabilities()) {
  std::string bytes = executor::make_seccomp_filter(capabilities);
  std::vector<sock_filter> code(bytes.size() / sizeof(sock_filter));
  std::memcpy(code.data(), bytes.data(), bytes.size());
  return code;
}

}  // namespace

TEST_CASE("a compiled filter decides each number as its table says") {
  std::mt19937 random(1);
  FilterTable table;
  table.foreign_abi_bit = 0x40000000;
  for (std::uint32_t architecture : {std::uint32_t{AUDIT_ARCH_X86_64}, std::uint32_t{AUDIT_ARCH_I386}}) {
    ArchitectureFilter filter;
    filter.audit_architecture = architecture;
    filter.first_unknown = 500;
    for (std::uint32_t number = 0; number < 500; ++number) {
      if (random() % 3 != 0) filter.calls[number] = {true, 0, {}};
    }
    filter.calls[77] = {false, ENOENT, {}};
    table.architectures.push_back(filter);
  }
  table.foreign.first_unknown = 0x40000010;
  table.foreign.calls[0x40000003] = {true, 0, {}};
  std::vector<sock_filter> code = executor::compile_filter(table);
  for (const ArchitectureFilter& filter : table.architectures) {
    for (std::uint32_t number = 0; number < 600; ++number) {
      auto found = filter.calls.find(number);
      std::uint32_t expected = number >= 500                 ? kUnknown
                               : found == filter.calls.end() ? kRefused
                               : number == 77                ? SECCOMP_RET_ERRNO | ENOENT
                                                             : SECCOMP_RET_ALLOW;
      std::uint32_t decided = interpret(code, call(filter.audit_architecture, number));
      if (decided != expected) FAIL("call " << number << " is decided wrongly: " << decided);
    }
  }
  CHECK(interpret(code, call(AUDIT_ARCH_X86_64, 0x40000003)) == SECCOMP_RET_ALLOW);
  CHECK(interpret(code, call(AUDIT_ARCH_X86_64, 0x40000004)) == kRefused);
  CHECK(interpret(code, call(AUDIT_ARCH_X86_64, 0xffffffff)) == kUnknown);
  CHECK(interpret(code, call(AUDIT_ARCH_AARCH64, 0)) == SECCOMP_RET_KILL_PROCESS);
}

TEST_CASE("rules look at the low half of an argument, as the kernel does") {
  FilterTable table;
  ArchitectureFilter filter;
  filter.audit_architecture = AUDIT_ARCH_X86_64;
  filter.first_unknown = 10;
  filter.calls[1] = {true, 0, {{0, ArgumentRule::Test::differs_from_all, {38, 40}}}};
  filter.calls[2] = {true, 0, {{0, ArgumentRule::Test::equals_one_of, {0, 8, 0xffffffff}}}};
  filter.calls[3] = {true, 0, {{0, ArgumentRule::Test::has_no_bits, {0x7e020000}}}};
  table.architectures = {filter};
  std::vector<sock_filter> code = executor::compile_filter(table);
  auto decide = [&](std::uint32_t number, std::uint64_t argument) {
    return interpret(code, call(AUDIT_ARCH_X86_64, number, argument));
  };
  CHECK(decide(1, 37) == SECCOMP_RET_ALLOW);
  CHECK(decide(1, 38) == kRefused);
  CHECK(decide(1, 39) == SECCOMP_RET_ALLOW);
  CHECK(decide(1, 40) == kRefused);
  CHECK(decide(1, 0x100000026) == kRefused);
  CHECK(decide(2, 8) == SECCOMP_RET_ALLOW);
  CHECK(decide(2, 0xffffffff) == SECCOMP_RET_ALLOW);
  CHECK(decide(2, 6) == kRefused);
  CHECK(decide(3, 0x01200011) == SECCOMP_RET_ALLOW);
  CHECK(decide(3, 0x10000000) == kRefused);
  CHECK(decide(3, 0x00020000) == kRefused);
}

#if defined(__x86_64__)
TEST_CASE("the default filter knows the calls of x86-64, i386 and x32 by their numbers") {
  std::vector<sock_filter> code = default_filter();
  auto decide = [&](std::uint32_t architecture, std::uint32_t number, std::uint64_t argument = 0) {
    return interpret(code, call(architecture, number, argument));
  };
  struct Case {
    std::uint32_t number, expected;
  };
  for (Case c : {Case{0, SECCOMP_RET_ALLOW},
                 {59, SECCOMP_RET_ALLOW},
                 {435, kUnknown},
                 {165, kRefused},
                 {272, kRefused},
                 {101, SECCOMP_RET_ALLOW},
                 {161, SECCOMP_RET_ALLOW},
                 {155, kRefused},
                 {250, kRefused},
                 {308, kRefused},
                 {437, SECCOMP_RET_ALLOW},
                 {452, SECCOMP_RET_ALLOW},
                 {457, kRefused},
                 {467, kRefused},
                 {470, kUnknown},
                 {425, kRefused},
                 {304, kRefused},
                 {321, kRefused},
                 {158, SECCOMP_RET_ALLOW}}) {
    CAPTURE(c.number);
    CHECK(decide(AUDIT_ARCH_X86_64, c.number) == c.expected);
  }
  CHECK(decide(AUDIT_ARCH_X86_64, 41, 40) == kRefused);
  CHECK(decide(AUDIT_ARCH_X86_64, 41, 2) == SECCOMP_RET_ALLOW);
  CHECK(decide(AUDIT_ARCH_X86_64, 56, 0x10000000) == kRefused);
  CHECK(decide(AUDIT_ARCH_I386, 4) == SECCOMP_RET_ALLOW);
  CHECK(decide(AUDIT_ARCH_I386, 21) == kRefused);
  CHECK(decide(AUDIT_ARCH_I386, 359, 40) == kRefused);
  CHECK(decide(AUDIT_ARCH_I386, 359, 2) == SECCOMP_RET_ALLOW);
  CHECK(decide(AUDIT_ARCH_I386, 362) == SECCOMP_RET_ALLOW);
  CHECK(decide(AUDIT_ARCH_I386, 102) == SECCOMP_RET_ALLOW);
  CHECK(decide(AUDIT_ARCH_I386, 452) == SECCOMP_RET_ALLOW);
  CHECK(decide(AUDIT_ARCH_X86_64, 0x40000000 + 0) == SECCOMP_RET_ALLOW);
  CHECK(decide(AUDIT_ARCH_X86_64, 0x40000000 + 165) == kRefused);
  CHECK(decide(AUDIT_ARCH_X86_64, 0x40000000 + 520) == SECCOMP_RET_ALLOW);  // execve of x32
  CHECK(code.size() < 2000);
}

TEST_CASE("capabilities open their calls") {
  std::vector<sock_filter> code = default_filter(executor::default_capabilities() | executor::Capabilities{1} << 21);
  CHECK(interpret(code, call(AUDIT_ARCH_X86_64, 165)) == SECCOMP_RET_ALLOW);
  CHECK(interpret(code, call(AUDIT_ARCH_X86_64, 435)) == SECCOMP_RET_ALLOW);
  code = default_filter(0);
  CHECK(interpret(code, call(AUDIT_ARCH_X86_64, 161)) == kRefused);
}
#endif
