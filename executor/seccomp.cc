#include "executor/seccomp.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "executor/bpf_program.h"
#include "executor/seccomp_profile.h"
#include "util/error.h"

namespace executor {
namespace {

constexpr std::uint32_t kX32Bit = 0x40000000;

struct Architecture {
  std::uint32_t token;  ///< SCMP_ARCH_*, which is the AUDIT_ARCH_* except for x32
  const char* name;
};

std::vector<Architecture> architectures_of_this_machine() {
  switch (std::uint32_t native = seccomp_arch_native()) {
    case SCMP_ARCH_X86_64:
      return {{native, "x86_64"}, {SCMP_ARCH_X86, "x86"}};
    case SCMP_ARCH_AARCH64:
      return {{native, "aarch64"}, {SCMP_ARCH_ARM, "arm"}};
    case SCMP_ARCH_S390X:
      return {{native, "s390x"}, {SCMP_ARCH_S390, "s390x"}};
    case SCMP_ARCH_RISCV64:
      return {{native, "riscv64"}};
    case SCMP_ARCH_PPC64LE:
      return {{native, "ppc64le"}};
    default:
      throw util::Error("make the system call filter: this processor architecture is not supported");
  }
}

/// i386 and s390 got calls of their own for what once went through socketcall and ipc; libseccomp knows only the detour
/// by name.
int direct_number(const Architecture& architecture, std::string_view name) {
  constexpr std::pair<std::string_view, int> kSplit[] = {
      {"socket", 359},  {"socketpair", 360}, {"bind", 361},       {"connect", 362},     {"listen", 363},
      {"accept4", 364}, {"getsockopt", 365}, {"setsockopt", 366}, {"getsockname", 367}, {"getpeername", 368},
      {"sendto", 369},  {"sendmsg", 370},    {"recvfrom", 371},   {"recvmsg", 372},     {"shutdown", 373},
      {"semget", 393},  {"semctl", 394},     {"shmget", 395},     {"shmctl", 396},      {"shmat", 397},
      {"shmdt", 398},   {"msgget", 399},     {"msgsnd", 400},     {"msgrcv", 401},      {"msgctl", 402}};
  if (architecture.token != SCMP_ARCH_X86 && architecture.token != SCMP_ARCH_S390 &&
      architecture.token != SCMP_ARCH_S390X)
    return -1;
  for (auto [call, number] : kSplit) {
    if (call == name) return number;
  }
  return -1;
}

/// Fills the table of one architecture.
class TableMaker {
 public:
  TableMaker(Architecture architecture, Capabilities capabilities)
      : architecture_(architecture), capabilities_(capabilities) {}

  ArchitectureFilter make() {
    filter_.audit_architecture = architecture_.token;
    std::uint32_t base = architecture_.token == SCMP_ARCH_X32 ? kX32Bit : 0;
    filter_.first_unknown = base + kFirstUnknownCall;
    for (const NewCall& call : kNewCalls) {
      if (call.allowed) filter_.calls[base + call.number] = {true, 0, {}};
    }
    add_all(kAllowedCalls);
    for (const ArchitectureCalls& calls : kArchitectureCalls) {
      if (calls.architecture == architecture_.name) add_all(calls.names);
    }
    add("socket",
        {true,
         0,
         {{0, ArgumentRule::Test::differs_from_all, {std::begin(kRefusedFamilies), std::end(kRefusedFamilies)}}}});
    add("personality",
        {true, 0, {{0, ArgumentRule::Test::equals_one_of, {std::begin(kPersonalities), std::end(kPersonalities)}}}});
    bool s390 = architecture_.token == SCMP_ARCH_S390X || architecture_.token == SCMP_ARCH_S390;
    add("clone", {true, 0, {{s390 ? 1 : 0, ArgumentRule::Test::has_no_bits, {kNamespaceFlags}}}});
    // Its flags are in memory, where a filter cannot see them; with ENOSYS the C library takes clone.
    add("clone3", {false, ENOSYS, {}});
    for (const CapabilityCalls& calls : kCapabilityCalls) {
      if ((capabilities_ >> capability_number(calls.capability) & 1) != 0) add_all(calls.names);
    }
    return std::move(filter_);
  }

 private:
  void add(const std::string& name, const CallAction& action) {
    int number = direct_number(architecture_, name);
    if (number < 0) number = seccomp_syscall_resolve_name_arch(architecture_.token, name.c_str());
    if (number >= 0) filter_.calls[static_cast<std::uint32_t>(number)] = action;
  }
  void add_all(std::string_view names) {
    std::istringstream words{std::string(names)};
    for (std::string name; words >> name;) add(name, {true, 0, {}});
  }

  Architecture architecture_;
  Capabilities capabilities_;
  ArchitectureFilter filter_;
};

}  // namespace

std::string make_seccomp_filter(Capabilities capabilities) {
  FilterTable table;
  for (const Architecture& architecture : architectures_of_this_machine()) {
    table.architectures.push_back(TableMaker(architecture, capabilities).make());
  }
  if (table.architectures.front().audit_architecture == SCMP_ARCH_X86_64) {
    table.foreign_abi_bit = kX32Bit;
    table.foreign = TableMaker({SCMP_ARCH_X32, "x32"}, capabilities).make();
  }
  std::vector<sock_filter> program = compile_filter(table);
  if (program.size() > BPF_MAXINSNS) throw util::Error("make the system call filter: it is too long");
  return std::string(reinterpret_cast<const char*>(program.data()), program.size() * sizeof(sock_filter));
}

void load_seccomp_filter(const std::string& filter) {
  std::vector<sock_filter> code(filter.size() / sizeof(sock_filter));
  std::memcpy(code.data(), filter.data(), code.size() * sizeof(sock_filter));
  struct sock_fprog program = {static_cast<unsigned short>(code.size()), code.data()};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0) return;
  int code_of_error = errno;
  util::SystemError error("set the system call filter", code_of_error);
  if (code_of_error == EINVAL || code_of_error == ENOSYS)
    error.set_hint("this kernel is built without seccomp filters; `RUN --security=insecure` works without");
  throw error;
}

}  // namespace executor
