#include "loader/ipam/record.h"

#include <nlohmann/json.hpp>

#include "compiler/support/sha256.h"

namespace policyc::ipam {

using Json = nlohmann::ordered_json;

std::string file_name_of(const Owner& owner) {
  return sha256_hex(owner.container + '\0' + owner.interface).substr(0, 32);
}

std::string to_json(const Attachment& attachment) {
  Json json{{"container", attachment.owner.container},
            {"interface", attachment.owner.interface},
            {"addresses", Json::array()}};
  for (const IpAddress& address : attachment.addresses)
    json["addresses"].push_back(address.to_string());
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Attachment> parse_attachment(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    Attachment result{
        {json.at("container").get<std::string>(), json.at("interface").get<std::string>()}, {}};
    for (const Json& entry : json.at("addresses")) {
      const auto address = parse_ip_address(entry.get<std::string>());
      if (!address) return fail("not an address: " + entry.get<std::string>());
      result.addresses.push_back(*address);
    }
    return result;
  } catch (const Json::exception& error) {
    return fail(std::string("is not the record of an attachment: ") + error.what());
  }
}

}  // namespace policyc::ipam
