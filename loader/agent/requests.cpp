#include "loader/agent/requests.h"

#include <net/if.h>

namespace policyc::agent {
namespace {

constexpr std::size_t kLongestText = 4096;
constexpr std::size_t kMostLabels = 1024;

// Identifiers end up in files, logs and on terminals.
bool is_plain(const std::string& text) {
  if (text.size() > kLongestText) return false;
  for (const char letter : text) {
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7f) return false;
  }
  return true;
}

bool is_interface_name(const std::string& name) {
  return !name.empty() && name.size() < IF_NAMESIZE && is_plain(name) &&
         name.find_first_of("/: ") == std::string::npos && name != "." && name != "..";
}

}  // namespace

Result<std::string> key_of(const v1::EndpointRef& ref) {
  if (ref.container_id().empty() || !is_plain(ref.container_id()) ||
      ref.container_id().find('/') != std::string::npos)
    return fail("container_id is missing or malformed");
  if (!is_interface_name(ref.container_interface()))
    return fail("container_interface is missing or malformed");
  reconcile::Registration registration;
  registration.container_id = ref.container_id();
  registration.container_interface = ref.container_interface();
  return registration.key();
}

Result<reconcile::Registration> registration_of(const v1::AddEndpointRequest& request) {
  if (const auto key = key_of(request.ref()); !key) return std::unexpected(key.error());
  if (!is_interface_name(request.host_interface()))
    return fail("host_interface is missing or malformed");
  for (const std::string* text : {&request.network_namespace(), &request.network(),
                                  &request.pod_namespace(), &request.pod_name()}) {
    if (!is_plain(*text)) return fail("a text has control characters or is too long");
  }
  reconcile::Registration registration;
  registration.container_id = request.ref().container_id();
  registration.container_interface = request.ref().container_interface();
  registration.host_interface = request.host_interface();
  registration.network_namespace = request.network_namespace();
  registration.network = request.network();
  registration.pod_namespace = request.pod_namespace();
  registration.pod_name = request.pod_name();
  for (const std::string& text : request.addresses()) {
    const auto address = parse_ip_address(text);
    if (!address) return fail("`" + text.substr(0, 64) + "` is no IP address");
    for (const IpAddress& other : registration.addresses) {
      if (other.v6 == address->v6) return fail("two addresses of one family");
    }
    registration.addresses.push_back(*address);
  }
  if (registration.addresses.empty()) return fail("addresses are missing");
  if (!request.mac().empty()) {
    registration.mac = endpoint::parse_mac(request.mac());
    if (!registration.mac) return fail("`" + request.mac().substr(0, 64) + "` is no MAC address");
  }
  if (static_cast<std::size_t>(request.labels_size()) > kMostLabels) return fail("too many labels");
  for (const auto& [key, value] : request.labels()) {
    if (key.empty() || !is_plain(key) || !is_plain(value)) return fail("a label is malformed");
    registration.labels[key] = value;
  }
  return registration;
}

grpc::Status to_status(const std::optional<ApiError>& error) {
  if (!error) return grpc::Status::OK;
  switch (error->code) {
    case ApiCode::InvalidArgument:
      return {grpc::StatusCode::INVALID_ARGUMENT, error->message};
    case ApiCode::AlreadyExists:
      return {grpc::StatusCode::ALREADY_EXISTS, error->message};
    case ApiCode::NotFound:
      return {grpc::StatusCode::NOT_FOUND, error->message};
    case ApiCode::FailedPrecondition:
      return {grpc::StatusCode::FAILED_PRECONDITION, error->message};
    case ApiCode::Unavailable:
      break;
  }
  return {grpc::StatusCode::UNAVAILABLE, error->message};
}

}  // namespace policyc::agent
