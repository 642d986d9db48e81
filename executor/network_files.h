#pragma once

#include <string>
#include <utility>
#include <vector>

#include "executor/executor.h"

namespace executor {

/// /etc/hosts of a step: loopback names, the host name, then the extra hosts ("host-gateway" is this machine).
std::string make_hosts(const std::string& hostname,
                       const std::vector<std::pair<std::string, std::string>>& extra_hosts);

/// /etc/resolv.conf of a step from that of this machine. With the machine's own network, as it is. Otherwise without
/// nameservers on loopback addresses, and with public ones when none is left.
std::string make_resolv_conf(const std::string& host_text, NetworkMode network);

/// This machine's file; that of systemd-resolved's real servers when the network is not the machine's own and its only
/// nameserver is the local stub. Empty when there is none.
std::string read_host_resolv_conf(NetworkMode network);

}  // namespace executor
