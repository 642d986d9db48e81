#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "llb/source_map.h"

// Typed instructions as the parser leaves them: flags split off, JSON recognised, heredocs attached; no variable
// is expanded yet. One struct per instruction.
namespace dockerfile {

/// A here-document of an instruction line.
struct Heredoc {
  std::string name;            ///< the word, quotes removed
  std::string content;         ///< body; leading tabs already removed for `<<-`
  bool expand = true;          ///< no quote in the word
  bool chomp = false;          ///< `<<-`
  int fd = 0;                  ///< number before `<<`; 0 when absent
};

/// Shell form or exec (JSON) form of a command.
struct CommandLine {
  bool exec_form = false;
  std::vector<std::string> args;     ///< exec: argv; shell: one element, the text
  std::vector<Heredoc> heredocs;     ///< RUN, shell form only
  /// Shell form with heredocs: line, bodies and terminators as written, for handing to the shell.
  std::string original_with_heredocs;
};

struct KeyValue {
  std::string key;
  std::string value;
  bool legacy_form = false;          ///< `ENV k v`
};

/// `--name=value` of an instruction, quotes and escapes already processed.
struct Flag {
  std::string name;
  std::string value;
  bool has_value = false;
};

struct FromInstruction {
  std::string base;                  ///< unexpanded
  std::string stage_name;            ///< lower-cased; empty when there is no AS
  std::string stage_name_text;       ///< as written
  std::string as_text;               ///< "AS" as written
  std::string platform;              ///< unexpanded value of --platform
};
struct RunInstruction {
  CommandLine command;
  std::vector<std::string> mounts;   ///< raw values of --mount; see mount_flag.h
  std::string network;               ///< "", default, none, host
  std::string security;              ///< "", sandbox, insecure
  std::vector<std::string> devices;
};
/// COPY and ADD.
struct CopyInstruction {
  bool is_add = false;
  std::vector<std::string> sources;  ///< without heredocs
  std::vector<Heredoc> heredocs;     ///< sources given as here-documents
  std::string destination;
  std::string from;                  ///< COPY
  std::string chown, chmod;
  bool link = false;
  bool parents = false;
  std::vector<std::string> exclude;
  std::string checksum;              ///< ADD
  std::optional<bool> keep_git_dir;  ///< ADD
  std::optional<bool> unpack;        ///< ADD
};
struct EnvInstruction { std::vector<KeyValue> variables; };
struct LabelInstruction { std::vector<KeyValue> labels; };
struct ArgInstruction {
  struct Item {
    std::string name;
    std::optional<std::string> default_value;   ///< nullopt: no '='
    std::string comment;                        ///< doc comment for outline
  };
  std::vector<Item> items;
};
struct WorkdirInstruction { std::string path; };
struct UserInstruction { std::string user; };
struct CmdInstruction { CommandLine command; };
struct EntrypointInstruction { CommandLine command; };
struct ShellInstruction { std::vector<std::string> shell; };
struct ExposeInstruction { std::vector<std::string> ports; };
struct VolumeInstruction { std::vector<std::string> paths; };
struct StopSignalInstruction { std::string signal; };
struct MaintainerInstruction { std::string author; };
struct HealthcheckInstruction {
  bool none = false;
  CommandLine command;
  /// Nanoseconds, 0 = not given.
  std::int64_t interval = 0, timeout = 0, start_period = 0, start_interval = 0;
  int retries = 0;
};
struct OnbuildInstruction { std::string expression; };

using InstructionValue =
    std::variant<FromInstruction, RunInstruction, CopyInstruction, EnvInstruction, LabelInstruction, ArgInstruction,
                 WorkdirInstruction, UserInstruction, CmdInstruction, EntrypointInstruction, ShellInstruction,
                 ExposeInstruction, VolumeInstruction, StopSignalInstruction, MaintainerInstruction,
                 HealthcheckInstruction, OnbuildInstruction>;

struct Instruction {
  InstructionValue value;
  std::string name;                  ///< canonical, upper case: "COPY"
  std::string name_text;             ///< as written, for casing lints
  std::string original;              ///< the logical line as written, continuations joined
  llb::SourceRange range;
  std::vector<std::string> skip_checks;   ///< from a `# check=skip=…` comment right above
};

struct Stage {
  Instruction from;                  ///< value is FromInstruction
  std::string comment;               ///< description for targets
  std::vector<Instruction> instructions;
};

/// A parsed file.
struct Dockerfile {
  std::shared_ptr<const llb::SourceText> source;
  char escape = '\\';
  std::string syntax;                ///< value of `# syntax=`
  std::string check;                 ///< value of `# check=`
  std::vector<Instruction> global_args;   ///< ARG before the first FROM
  std::vector<Stage> stages;         ///< never empty
};

}  // namespace dockerfile
