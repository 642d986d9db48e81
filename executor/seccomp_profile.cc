#include "executor/seccomp_profile.h"

namespace executor {

const std::string_view kAllowedCalls =
    // Files: open, read, write.
    "open openat openat2 creat close close_range read pread64 readv preadv preadv2 write pwrite64 writev pwritev "
    "pwritev2 "
    "lseek _llseek dup dup2 dup3 fcntl fcntl64 flock fallocate ftruncate ftruncate64 truncate truncate64 "
    "copy_file_range "
    "sendfile sendfile64 splice tee vmsplice fsync fdatasync sync syncfs sync_file_range readahead fadvise64 "
    "fadvise64_64 ioctl "
    // Names and attributes.
    "access faccessat faccessat2 stat stat64 fstat fstat64 fstatat64 lstat lstat64 newfstatat statx statfs statfs64 "
    "fstatfs fstatfs64 "
    "link linkat unlink unlinkat symlink symlinkat readlink readlinkat rename renameat renameat2 mkdir mkdirat rmdir "
    "mknod mknodat "
    "chmod fchmod fchmodat chown chown32 fchown fchown32 fchownat lchown lchown32 utime utimes utimensat "
    "utimensat_time64 futimesat umask "
    "getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr flistxattr removexattr "
    "lremovexattr fremovexattr "
    "getdents getdents64 getcwd chdir fchdir name_to_handle_at "
    // Waiting for files.
    "poll ppoll ppoll_time64 select _newselect pselect6 pselect6_time64 epoll_create epoll_create1 epoll_ctl "
    "epoll_ctl_old epoll_wait "
    "epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 signalfd signalfd4 inotify_init inotify_init1 "
    "inotify_add_watch "
    "inotify_rm_watch fanotify_mark pipe pipe2 io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents "
    "io_pgetevents_time64 "
    // Memory.
    "brk mmap mmap2 munmap mremap mprotect pkey_alloc pkey_free pkey_mprotect msync madvise mincore mlock mlock2 "
    "mlockall munlock "
    "munlockall remap_file_pages membarrier memfd_create memfd_secret "
    // Processes and threads.
    "execve execveat exit exit_group fork vfork wait4 waitid waitpid kill tkill tgkill pause restart_syscall getpid "
    "getppid gettid getpgid "
    "setpgid getpgrp getsid setsid set_tid_address set_robust_list get_robust_list rseq futex futex_time64 futex_waitv "
    "set_thread_area "
    "get_thread_area pidfd_open pidfd_send_signal process_mrelease prctl seccomp landlock_create_ruleset "
    "landlock_add_rule "
    "landlock_restrict_self ptrace process_vm_readv process_vm_writev "
    // Signals.
    "rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait "
    "rt_sigtimedwait_time64 "
    "rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn "
    // Users and capabilities.
    "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getgroups getgroups32 getresuid getresuid32 "
    "getresgid getresgid32 "
    "setuid setuid32 setgid setgid32 setgroups setgroups32 setreuid setreuid32 setregid setregid32 setresuid "
    "setresuid32 setresgid "
    "setresgid32 setfsuid setfsuid32 setfsgid setfsgid32 capget capset "
    // Scheduling and limits.
    "getpriority setpriority getrlimit setrlimit ugetrlimit prlimit64 getrusage times getcpu ioprio_get ioprio_set "
    "sched_yield "
    "sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam sched_getscheduler "
    "sched_setscheduler "
    "sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64 "
    // Time.
    "time gettimeofday clock_gettime clock_gettime64 clock_getres clock_getres_time64 clock_nanosleep "
    "clock_nanosleep_time64 nanosleep "
    "adjtimex clock_adjtime clock_adjtime64 alarm getitimer setitimer timer_create timer_delete timer_getoverrun "
    "timer_gettime "
    "timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
    "timerfd_settime64 "
    // Sockets (socket itself has rules of its own).
    "socketcall socketpair bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown "
    "send sendto sendmsg "
    "sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64 "
    // System V and POSIX inter-process communication.
    "ipc msgget msgsnd msgrcv msgctl semget semop semctl semtimedop semtimedop_time64 shmget shmat shmdt shmctl "
    "mq_open mq_unlink "
    "mq_notify mq_getsetattr mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 "
    // The machine.
    "uname sysinfo getrandom";

static constexpr CapabilityCalls kByCapability[] = {
    {"CAP_DAC_READ_SEARCH", "open_by_handle_at"},
    {"CAP_SYS_ADMIN",
     "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie mount mount_setattr move_mount "
     "open_tree perf_event_open "
     "quotactl quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"},
    {"CAP_SYS_BOOT", "reboot"},
    {"CAP_SYS_CHROOT", "chroot"},
    {"CAP_SYS_MODULE", "delete_module init_module finit_module"},
    {"CAP_SYS_PACCT", "acct"},
    {"CAP_SYS_PTRACE", "kcmp pidfd_getfd process_madvise"},
    {"CAP_SYS_RAWIO", "iopl ioperm"},
    {"CAP_SYS_TIME", "settimeofday stime clock_settime clock_settime64"},
    {"CAP_SYS_TTY_CONFIG", "vhangup"},
    {"CAP_SYS_NICE", "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {"CAP_SYSLOG", "syslog"},
    {"CAP_BPF", "bpf"},
    {"CAP_PERFMON", "perf_event_open"},
};
const std::span<const CapabilityCalls> kCapabilityCalls = kByCapability;

static constexpr ArchitectureCalls kByArchitecture[] = {
    {"x86_64", "arch_prctl modify_ldt"},
    {"x32", "arch_prctl modify_ldt"},
    {"x86", "modify_ldt"},
    {"aarch64", "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"},
    {"arm", "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls"},
    {"ppc64le", "sync_file_range2 swapcontext"},
    {"s390x", "s390_pci_mmio_read s390_pci_mmio_write s390_runtime_instr"},
    {"riscv64", "riscv_flush_icache"},
};
const std::span<const ArchitectureCalls> kArchitectureCalls = kByArchitecture;

static constexpr NewCall kNew[] = {
    {449, true},   // futex_waitv
    {450, false},  // set_mempolicy_home_node
    {451, true},   // cachestat
    {452, true},   // fchmodat2
    {453, true},   // map_shadow_stack
    {454, true},   // futex_wake
    {455, true},   // futex_wait
    {456, true},   // futex_requeue
    {457, false},  // statmount
    {458, false},  // listmount
    {459, true},   // lsm_get_self_attr
    {460, true},   // lsm_set_self_attr
    {461, true},   // lsm_list_modules
    {462, true},   // mseal
    {463, true},   // setxattrat
    {464, true},   // getxattrat
    {465, true},   // listxattrat
    {466, true},   // removexattrat
    {467, false},  // open_tree_attr
    {468, true},   // file_getattr
    {469, true},   // file_setattr
};
const std::span<const NewCall> kNewCalls = kNew;

}  // namespace executor
