#pragma once
// Which tracked connections a command is about: `policyc ct list`, `policyc ct flush`.

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"
#include "loader/conntrack/connection.h"

namespace policyc::cli {

struct CtFilterArguments {
  std::string address;  // empty: any; of either side
  std::optional<std::uint16_t> port;
  std::string protocol;  // empty: any

  [[nodiscard]] bool any() const { return address.empty() && !port && protocol.empty(); }
};

void add_ct_filter(CLI::App& command, CtFilterArguments& arguments);

class CtFilter {
 public:
  // An Error says what is wrong with the arguments, which must outlive it.
  [[nodiscard]] static Result<CtFilter> make(const CtFilterArguments& arguments);
  [[nodiscard]] bool takes(const conntrack::Connection& connection) const;

 private:
  explicit CtFilter(const CtFilterArguments& arguments) : arguments_(&arguments) {}
  const CtFilterArguments* arguments_;
  std::optional<IpAddress> address_;
};

}  // namespace policyc::cli
