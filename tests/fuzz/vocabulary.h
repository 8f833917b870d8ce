#pragma once
// The words that random cases are made of: few enough that policies and flows meet often.

#include <string>
#include <vector>

namespace policyc::fuzz {

inline const std::vector<std::string> kNamespaces = {"a", "b", "default"};
inline const std::vector<std::string> kApps = {"web", "api", "db", "cli"};
inline const std::vector<std::string> kTiers = {"front", "back", ""};
inline const std::vector<std::string> kPrefixes = {
    "10.0.0.0/8",      "10.1.0.0/16", "10.1.2.0/24",     "192.0.2.0/24",
    "192.0.2.128/25",  "0.0.0.0/0",   "198.51.100.7/32", "2001:db8::/32",
    "2001:db8:1::/48", "::/0",        "0.0.0.0/1",       "10.244.0.0/16"};
inline const std::vector<std::string> kAddresses = {
    "10.1.2.3",    "10.1.9.9",    "10.200.0.1",    "192.0.2.1",    "192.0.2.129", "198.51.100.7",
    "203.0.113.9", "2001:db8::1", "2001:db8:1::5", "2001:4860::1", "172.18.0.2",  "172.18.0.3",
    "172.18.0.4",  "10.244.0.1",  "9.255.255.255", "192.0.3.0",    "fd00:18::3",  "203.0.113.80"};
inline const std::vector<std::string> kEntities = {
    "all",    "world", "cluster",   "host", "remote-node", "kube-apiserver",
    "health", "init",  "unmanaged", "none", "ingress"};
inline const std::vector<std::string> kFlowEntities = {
    "world", "host", "remote-node", "kube-apiserver", "health", "init", "ingress", "unmanaged"};
inline const std::vector<int> kPorts = {0,   1,    53,   79,   80,   81,   88,   443,
                                        444, 1023, 1024, 5432, 6379, 8080, 65535};
inline const std::vector<std::string> kPortNames = {"http", "metrics", "dns", "nope"};
inline const std::vector<std::string> kNames = {"x.example", "api.x.example", "y.example"};

}  // namespace policyc::fuzz
