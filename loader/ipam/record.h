#pragma once
// Who has which addresses, as the files of a store say it.

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/support/ip.h"
#include "compiler/support/result.h"

namespace policyc::ipam {

// One interface of one container.
struct Owner {
  std::string container;
  std::string interface;
  friend auto operator<=>(const Owner&, const Owner&) = default;
};

struct Attachment {
  Owner owner;
  std::vector<IpAddress> addresses;
  friend bool operator==(const Attachment&, const Attachment&) = default;
};

// The name of an owner's file: the same for the same owner, another one for another.
[[nodiscard]] std::string file_name_of(const Owner& owner);
// {"container":"...","interface":"eth0","addresses":["10.0.0.5"]}
[[nodiscard]] std::string to_json(const Attachment& attachment);
[[nodiscard]] Result<Attachment> parse_attachment(std::string_view text);

}  // namespace policyc::ipam
