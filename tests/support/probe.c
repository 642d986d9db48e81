/* A static program that runs inside sandboxes and reports what it finds, one subcommand after another ("--" between
 * them): echo TEXT          to stdout            err TEXT            to stderr exit CODE          end kill SIGNAL end
 * by a signal env NAME           value or "unset"     environ             all, one per line cwd   uid   gid    numbers
 * or path      groups              sorted, space separated caps               CapInh.. CapAmb      status KEY a line of
 * /proc/self/status ns NAME            namespace link       cat FILE            content, or "error: ..." ls DIR sorted
 * names         stat PATH           type mode uid gid size write FILE TEXT    "ok" or "error"      mkdir DIR  rm PATH
 * mknod PATH MAJOR MINOR fill FILE BYTES    write zeros          touch-memory MIB    allocate and touch sleep SECONDS
 * daemon SECONDS       leave a child behind that holds the output hold FILE SECONDS  open for writing, write a byte,
 * sleep stdin              "eof" or "data"      limit               RLIMIT_NOFILE soft:hard pids processes in /proc
 * interfaces          names in /proc/net/dev syscall NAME       errno name of a try  connect PATH TEXT   talk to a Unix
 * socket, print the answer fds                open descriptors     mounts              mount points, sorted, one per
 * line
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

extern char** environ;

static void result(int status) {
  if (status >= 0)
    puts("ok");
  else
    printf("error: %s\n", strerrorname_np(errno));
}

static int compare(const void* a, const void* b) {
  return strcmp(*(char* const*)a, *(char* const*)b);
}

static void print_sorted(char** names, size_t count) {
  qsort(names, count, sizeof *names, compare);
  for (size_t i = 0; i < count; ++i) puts(names[i]);
}

static void list(const char* path, int numbers_only) {
  static char* names[65536];
  size_t count = 0;
  DIR* dir = opendir(path);
  if (dir == NULL) {
    result(-1);
    return;
  }
  for (struct dirent* e; (e = readdir(dir)) != NULL && count < 65536;) {
    if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
    if (numbers_only && strspn(e->d_name, "0123456789") != strlen(e->d_name)) continue;
    names[count++] = strdup(e->d_name);
  }
  closedir(dir);
  print_sorted(names, count);
}

static void cat(const char* path) {
  FILE* file = fopen(path, "r");
  char buffer[4096];
  if (file == NULL) {
    result(-1);
    return;
  }
  for (size_t n; (n = fread(buffer, 1, sizeof buffer, file)) > 0;) fwrite(buffer, 1, n, stdout);
  fclose(file);
}

/* Lines of a file that start with a prefix. */
static void grep(const char* path, const char* prefix) {
  char line[8192];
  FILE* file = fopen(path, "r");
  if (file == NULL) {
    result(-1);
    return;
  }
  while (fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, prefix, strlen(prefix)) == 0) fputs(line, stdout);
  fclose(file);
}

static void mounts(void) {
  static char* names[4096];
  size_t count = 0;
  char line[65536];
  FILE* file = fopen("/proc/self/mountinfo", "r");
  if (file == NULL) {
    result(-1);
    return;
  }
  while (fgets(line, sizeof line, file) != NULL && count < 4096) {
    char point[4096], options[1024];
    const char* dash = strstr(line, " - ");
    char type[64] = "";
    if (sscanf(line, "%*s %*s %*s %*s %4095s %1023s", point, options) != 2) continue;
    if (dash != NULL) sscanf(dash + 3, "%63s", type);
    if (asprintf(&names[count], "%s %s %s", point, type, options) > 0) ++count;
  }
  fclose(file);
  print_sorted(names, count);
}

static void print_stat(const char* path) {
  struct stat s;
  if (lstat(path, &s) != 0) {
    result(-1);
    return;
  }
  const char* type = S_ISDIR(s.st_mode)    ? "directory"
                     : S_ISLNK(s.st_mode)  ? "link"
                     : S_ISCHR(s.st_mode)  ? "device"
                     : S_ISSOCK(s.st_mode) ? "socket"
                                           : "file";
  printf("%s %o %u %u", type, s.st_mode & 07777, s.st_uid, s.st_gid);
  if (S_ISCHR(s.st_mode)) printf(" %u:%u", major(s.st_rdev), minor(s.st_rdev));
  if (S_ISREG(s.st_mode)) printf(" %lld", (long long)s.st_size);
  puts("");
}

static void print_groups(void) {
  gid_t groups[256];
  int count = getgroups(256, groups);
  for (int i = 0; i < count; ++i) printf("%s%u", i > 0 ? " " : "", groups[i]);
  puts("");
}

static long try_syscall(const char* name) {
  if (strcmp(name, "clone3") == 0) return syscall(SYS_clone3, NULL, 0);
  if (strcmp(name, "unshare-user") == 0) return unshare(CLONE_NEWUSER);
  if (strcmp(name, "unshare-mount") == 0) return unshare(CLONE_NEWNS);
  if (strcmp(name, "mount") == 0) return mount("none", "/", "tmpfs", 0, NULL);
  if (strcmp(name, "fsopen") == 0) return syscall(SYS_fsopen, "tmpfs", 0);
  if (strcmp(name, "chroot") == 0) return chroot("/");
  if (strcmp(name, "alg") == 0) return socket(38, SOCK_SEQPACKET, 0);
  if (strcmp(name, "vsock") == 0) return socket(40, SOCK_STREAM, 0);
  if (strcmp(name, "inet") == 0) return socket(AF_INET, SOCK_STREAM, 0);
  if (strcmp(name, "netlink") == 0) return socket(AF_NETLINK, SOCK_RAW, 0);
  if (strcmp(name, "personality-linux32") == 0) return personality(PER_LINUX32);
  if (strcmp(name, "personality-bsd") == 0) return personality(PER_BSD);
  if (strcmp(name, "keyctl") == 0) return syscall(SYS_keyctl, 0, -3, 0);
  if (strcmp(name, "add_key") == 0) return syscall(SYS_add_key, "user", "x", "y", 1, -2);
  if (strcmp(name, "reboot") == 0) return syscall(SYS_reboot, 0, 0, 0, NULL);
  if (strcmp(name, "io_uring_setup") == 0) return syscall(425, 1, NULL);
  if (strcmp(name, "bpf") == 0) return syscall(SYS_bpf, 0, NULL, 0);
  if (strcmp(name, "fchmodat2") == 0) return syscall(452, AT_FDCWD, "/nowhere", 0644, 0);
  if (strcmp(name, "unknown") == 0) return syscall(2000);
  if (strcmp(name, "sethostname") == 0) return sethostname("x", 1);
  if (strcmp(name, "setuid-1") == 0) return setuid(1);
  errno = ENOTSUP;
  return -1;
}

static void talk(const char* path, const char* text) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char buffer[4096];
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  if (connect(fd, (struct sockaddr*)&address, sizeof address) != 0 || write(fd, text, strlen(text)) < 0) {
    result(-1);
    return;
  }
  shutdown(fd, SHUT_WR);
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) fwrite(buffer, 1, (size_t)n, stdout);
  puts("");
  close(fd);
}

static void leave_daemon(unsigned seconds) {
  fflush(stdout);
  if (fork() != 0) return;
  setsid();
  sleep(seconds);
  printf("daemon lived\n");
  exit(0);
}

static void touch_memory(size_t mib) {
  for (size_t i = 0; i < mib; ++i) {
    char* block = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) {
      result(-1);
      return;
    }
    memset(block, 1, 1u << 20);
  }
  puts("ok");
}

static void fill(const char* path, size_t bytes) {
  static char zeros[65536];
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (fd < 0) {
    result(-1);
    return;
  }
  while (bytes > 0) {
    ssize_t n = write(fd, zeros, bytes < sizeof zeros ? bytes : sizeof zeros);
    if (n <= 0) {
      result(-1);
      close(fd);
      return;
    }
    bytes -= (size_t)n;
  }
  close(fd);
  puts("ok");
}

static void read_stdin(void) {
  char c;
  ssize_t n = read(0, &c, 1);
  puts(n == 0 ? "eof" : n > 0 ? "data" : "error");
}

static void print_link(const char* path) {
  char text[4096];
  ssize_t n = readlink(path, text, sizeof text - 1);
  if (n < 0) {
    result(-1);
    return;
  }
  text[n] = 0;
  puts(text);
}

static void write_file(const char* path, const char* text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  result(fd < 0 ? -1 : (int)write(fd, text, strlen(text)));
  if (fd >= 0) close(fd);
}

static void hold(const char* path, unsigned seconds) {
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, "x", 1) != 1) {
    result(-1);
    return;
  }
  sleep(seconds);
}

static const char* argument(int count, char** words, int index) {
  return index < count ? words[index] : "";
}

static void run(int count, char** words) {
  const char *what = words[0], *a = argument(count, words, 1), *b = argument(count, words, 2),
             *c = argument(count, words, 3);
  char path[4200];
  struct rlimit limit;
  if (strcmp(what, "echo") == 0)
    puts(a);
  else if (strcmp(what, "err") == 0) {
    fprintf(stderr, "%s\n", a);
  } else if (strcmp(what, "exit") == 0)
    exit(atoi(a));
  else if (strcmp(what, "kill") == 0) {
    fflush(stdout);
    kill(getpid(), atoi(a));
  } else if (strcmp(what, "env") == 0)
    puts(getenv(a) ? getenv(a) : "unset");
  else if (strcmp(what, "environ") == 0) {
    for (char** e = environ; *e; ++e) puts(*e);
  } else if (strcmp(what, "cwd") == 0)
    puts(getcwd(path, sizeof path) ? path : "error");
  else if (strcmp(what, "uid") == 0)
    printf("%u\n", getuid());
  else if (strcmp(what, "gid") == 0)
    printf("%u\n", getgid());
  else if (strcmp(what, "groups") == 0)
    print_groups();
  else if (strcmp(what, "caps") == 0)
    grep("/proc/self/status", "Cap");
  else if (strcmp(what, "status") == 0)
    grep("/proc/self/status", a);
  else if (strcmp(what, "ns") == 0) {
    snprintf(path, sizeof path, "/proc/self/ns/%s", a);
    print_link(path);
  } else if (strcmp(what, "link") == 0)
    print_link(a);
  else if (strcmp(what, "cat") == 0)
    cat(a);
  else if (strcmp(what, "ls") == 0)
    list(a, 0);
  else if (strcmp(what, "fds") == 0)
    list("/proc/self/fd", 1);
  else if (strcmp(what, "pids") == 0)
    list("/proc", 1);
  else if (strcmp(what, "stat") == 0)
    print_stat(a);
  else if (strcmp(what, "write") == 0)
    write_file(a, b);
  else if (strcmp(what, "mkdir") == 0)
    result(mkdir(a, 0755));
  else if (strcmp(what, "rm") == 0)
    result(remove(a));
  else if (strcmp(what, "chown") == 0)
    result(chown(a, (uid_t)atoi(b), (gid_t)atoi(c)));
  else if (strcmp(what, "mknod") == 0)
    result(mknod(a, S_IFCHR | 0666, makedev(atoi(b), atoi(c))));
  else if (strcmp(what, "fill") == 0)
    fill(a, strtoull(b, NULL, 10));
  else if (strcmp(what, "touch-memory") == 0)
    touch_memory(strtoull(a, NULL, 10));
  else if (strcmp(what, "sleep") == 0) {
    fflush(stdout);
    sleep((unsigned)atoi(a));
  } else if (strcmp(what, "hold") == 0)
    hold(a, (unsigned)atoi(b));
  else if (strcmp(what, "daemon") == 0)
    leave_daemon((unsigned)atoi(a));
  else if (strcmp(what, "stdin") == 0)
    read_stdin();
  else if (strcmp(what, "limit") == 0) {
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("%lld:%lld\n", (long long)limit.rlim_cur, (long long)limit.rlim_max);
  } else if (strcmp(what, "interfaces") == 0)
    list("/sys/class/net", 0);
  else if (strcmp(what, "mounts") == 0)
    mounts();
  else if (strcmp(what, "hostname") == 0) {
    gethostname(path, sizeof path);
    puts(path);
  } else if (strcmp(what, "syscall") == 0) {
    if (try_syscall(a) >= 0)
      puts("ok");
    else
      puts(strerrorname_np(errno));
  } else if (strcmp(what, "connect") == 0)
    talk(a, b);
  else {
    fprintf(stderr, "probe: unknown subcommand %s\n", what);
    exit(99);
  }
}

int main(int argc, char** argv) {
  for (int i = 1; i < argc;) {
    int first = i;
    while (i < argc && strcmp(argv[i], "--") != 0) ++i;
    if (i > first) run(i - first, argv + first);
    ++i;
  }
  fflush(stdout);
  return 0;
}
