#include "executor/network_files.h"

#include <doctest/doctest.h>

using executor::make_hosts;
using executor::make_resolv_conf;
using executor::NetworkMode;

TEST_CASE("hosts names the loopback, the host name and the extra hosts") {
  CHECK(make_hosts("box", {{"db", "10.1.2.3"}, {"gateway", "host-gateway"}, {"six", "fe80::1"}}) ==
        "127.0.0.1\tlocalhost box\n::1\tlocalhost ip6-localhost "
        "ip6-loopback\n10.1.2.3\tdb\n127.0.0.1\tgateway\nfe80::1\tsix\n");
  CHECK(make_hosts("", {}) == "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
}

TEST_CASE("with the network of the host resolv.conf is taken as it is") {
  CHECK(make_resolv_conf("nameserver 127.0.0.53\noptions edns0", NetworkMode::host) ==
        "nameserver 127.0.0.53\noptions edns0");
}

TEST_CASE("otherwise servers on loopback addresses are left out") {
  CHECK(make_resolv_conf("search corp\nnameserver 127.0.0.1\n  nameserver\t10.0.0.1 # main\nnameserver ::1\n",
                         NetworkMode::none) == "search corp\n  nameserver\t10.0.0.1 # main\n");
}

TEST_CASE("when no server is left there are public ones") {
  std::string text = make_resolv_conf("search corp\nnameserver 127.0.0.53\n", NetworkMode::none);
  CHECK(text.starts_with("search corp\nnameserver 8.8.8.8\n"));
  CHECK(make_resolv_conf("", NetworkMode::host).starts_with("nameserver 8.8.8.8\n"));
}
