#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "oci/image_resolver.h"
#include "oci/platform.h"
#include "util/digest.h"

// The closed set of operations a graph is made of. Pure data: everything here is part of the op's canonical
// form (llb/codec.h), except where a member says "not in the key".
namespace llb {

// ---- sources: the roots -------------------------------------------------------------------------------------

/// An image pinned to a manifest. Identity: `manifest`; the location only says where bytes come from.
struct ImageSource {
  oci::ImageLocation location;
  util::Digest manifest;
  oci::Platform platform;
};

/// A directory of this machine, read in place.
struct LocalSource {
  std::string name;                  ///< "context", or the named context's name
  std::string path;                  ///< absolute
  std::vector<std::string> exclude;  ///< ignore patterns
};

/// One file from http(s).
struct HttpSource {
  std::string url;
  util::Digest checksum;  ///< empty = none demanded
  std::string filename;
  std::optional<std::uint32_t> mode;  ///< default 0600
  std::uint32_t uid = 0, gid = 0;
};

/// A checked out commit.
struct GitSource {
  std::string remote;
  std::string ref;  ///< branch, tag, commit; empty = HEAD
  std::string subdir;
  std::string checksum;  ///< commit, may be a prefix
  bool keep_git_dir = false;
  bool skip_submodules = false;
  bool commit_time = false;  ///< files carry the commit's time, not that of the checkout
};

using SourceOp = std::variant<ImageSource, LocalSource, HttpSource, GitSource>;

// ---- exec ---------------------------------------------------------------------------------------------------

enum class NetworkMode { unset, host, none };
enum class SecurityMode { sandbox, insecure };
enum class MountType { bind, cache, tmpfs, secret, ssh };
enum class Sharing { shared, private_, locked };

/// One RUN --mount.
struct MountSpec {
  MountType type = MountType::bind;
  std::string target;  ///< absolute; empty for an env-only secret
  int input = -1;      ///< bind, cache: vertex input it shows; -1 = empty (cache) or none
  std::string source;  ///< path inside that input
  bool read_only = false;
  // cache
  std::string id;  ///< cache, secret, ssh
  Sharing sharing = Sharing::shared;
  // cache, secret, ssh
  std::optional<std::uint32_t> mode;
  std::uint32_t uid = 0, gid = 0;
  bool required = false;   ///< secret, ssh
  std::string env;         ///< secret: environment variable
  std::uint64_t size = 0;  ///< tmpfs, bytes
};

struct HostEntry {
  std::string host;
  std::string ip;  ///< not in the key
};
struct Ulimit {
  std::string name;
  std::int64_t soft = 0, hard = 0;  ///< -1 = unlimited
};
struct Device {
  std::string name;
  bool required = false;
};

/// Runs one process on the root file system of input 0; the result is what it changed there.
struct ExecOp {
  std::vector<std::string> args;
  std::vector<std::string> env;        ///< "K=V" in order
  std::vector<std::string> proxy_env;  ///< "K=V"; not in the key
  std::string cwd = "/";
  std::string user;  ///< as USER says: name or id, [:group]; empty = root
  std::string hostname = "buildkitsandbox";
  NetworkMode network = NetworkMode::unset;
  SecurityMode security = SecurityMode::sandbox;
  std::vector<MountSpec> mounts;
  std::vector<HostEntry> extra_hosts;
  std::vector<Ulimit> ulimits;
  std::uint64_t shm_size = 0;  ///< bytes, 0 = 64 MiB
  std::string cgroup_parent;
  std::vector<Device> devices;
  oci::Platform platform;
  /// Heredoc scripts bound read-only at /dev/pipes/<name>, mode 0755: name -> text.
  std::map<std::string, std::string> scripts;
};

// ---- file ---------------------------------------------------------------------------------------------------

/// Owner as written (`--chown`, USER); names are looked up in the files of input 0 when the op runs.
struct Owner {
  std::string text;  ///< "user[:group]", names or numbers; empty = not given
};

/// Copies from another input. One action per source of a COPY or ADD.
struct CopyAction {
  int input = 1;                     ///< vertex input with the source tree
  std::string source;                ///< path or wildcard, from that tree's root
  std::string destination;           ///< absolute; a trailing '/' means "into this directory"
  std::optional<Owner> owner;        ///< nullopt: as the source tree says
  std::string mode;                  ///< --chmod: octal or symbolic; empty = keep
  std::vector<std::string> exclude;  ///< relative to each matched source
  bool allow_wildcard = true;
  bool allow_empty_wildcard = true;
  bool contents_only = true;  ///< of a directory copy what is in it, not itself
  bool unpack = false;        ///< extract if it is a tar archive
  bool parents = false;       ///< --parents; the kept part begins after "/./" in source
};
struct MkdirAction {
  std::string path;
  std::uint32_t mode = 0755;
  bool make_parents = true;  ///< existing directories are left as they are
  std::optional<Owner> owner;
  std::optional<std::int64_t> mtime;  ///< nanoseconds; SOURCE_DATE_EPOCH
};
struct MkfileAction {
  std::string path;  ///< missing directories above it are made (0755, `owner`)
  /// Name of the file when `path` is a directory already (links followed): it then goes inside, as a copied file would.
  /// Empty: `path` has to be the file.
  std::string name;
  std::string data;
  std::uint32_t mode = 0644;
  std::string mode_text;  ///< --chmod
  std::optional<Owner> owner;
};
struct RemoveAction {
  std::string path;
  bool allow_missing = true;
};
struct SymlinkAction {
  std::string target;
  std::string path;
};
using FileAction = std::variant<CopyAction, MkdirAction, MkfileAction, RemoveAction, SymlinkAction>;

/// Changes files on top of input 0 (the root the actions see); inputs 1.. are sources. Its result is input 0's
/// chain plus one layer.
struct FileOp {
  std::vector<FileAction> actions;
};

/// Layers of all inputs stacked in order, the first at the bottom.
struct MergeOp {};
/// Layers of input 1 above input 0.
struct DiffOp {};

using Op = std::variant<ImageSource, LocalSource, HttpSource, GitSource, ExecOp, FileOp, MergeOp, DiffOp>;

}  // namespace llb
