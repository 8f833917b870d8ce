#pragma once
// Named network namespaces, as `ip netns` keeps them in /run/netns.

#include <string>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::demo {

inline constexpr const char* kNamespaceFolder = "/run/netns";

// A namespace made by us, removed with this object.
class NetworkNamespace {
 public:
  [[nodiscard]] static Result<NetworkNamespace> create(std::string name);
  NetworkNamespace(NetworkNamespace&& other) noexcept;
  NetworkNamespace& operator=(NetworkNamespace&& other) noexcept;
  ~NetworkNamespace();

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Runs `ip -batch` inside; one command per line, without the leading `ip`.
  [[nodiscard]] Result<void> ip_batch(const std::string& commands) const;

 private:
  explicit NetworkNamespace(std::string name) : name_(std::move(name)) {}
  void remove() noexcept;

  std::string name_;
  bpf::Fd fd_;
};

// The calling thread is inside `namespace_fd` while this lives. Sockets keep the namespace that
// they were made in, so a scope around socket() is all that a client or a server needs.
class NamespaceScope {
 public:
  [[nodiscard]] static Result<NamespaceScope> enter(int namespace_fd);
  NamespaceScope(NamespaceScope&&) noexcept = default;
  NamespaceScope& operator=(NamespaceScope&&) = delete;
  ~NamespaceScope();

 private:
  explicit NamespaceScope(bpf::Fd before) : before_(std::move(before)) {}
  bpf::Fd before_;
};

// Writes a sysctl ("net.ipv4.ip_forward" as "net/ipv4/ip_forward") of the calling thread's network
// namespace.
[[nodiscard]] Result<void> set_sysctl(const std::string& path, const std::string& value);

}  // namespace policyc::demo
