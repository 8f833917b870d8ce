#include "loader/endpoint/identity_file.h"

#include <limits>
#include <unordered_set>

#include "loader/endpoint/bytes.h"

namespace policyc::endpoint {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kMaxNumber = std::numeric_limits<std::uint32_t>::max();

}  // namespace

std::string to_bytes(const std::vector<IdentityRecord>& identities) {
  constexpr std::size_t kUsualBytes = 192;
  ByteWriter out;
  out.reserve(identities.size() * kUsualBytes);
  out.number(kVersion);
  out.number(identities.size());
  for (const IdentityRecord& record : identities) {
    out.labels(record.labels);
    out.number(record.identity);
    out.number(record.peer_class);
  }
  return out.take();
}

Result<void> check_identities(const std::vector<IdentityRecord>& identities) {
  std::unordered_set<policy::LabelSet, policy::LabelSetHash> labels;
  labels.reserve(identities.size());
  for (const IdentityRecord& record : identities) {
    if (record.peer_class == 0) return fail("a class number is bad");
    if (!labels.insert(record.labels).second) return fail("two identities have the same labels");
  }
  return {};
}

Result<std::size_t> count_from_bytes(std::string_view bytes) {
  try {
    ByteReader in(bytes);
    if (in.number() != kVersion) return fail("it is of another version");
    return static_cast<std::size_t>(in.number());
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

Result<std::vector<IdentityRecord>> identities_from_bytes(std::string_view bytes) {
  try {
    ByteReader in(bytes);
    if (in.number() != kVersion) return fail("it is of another version");
    constexpr std::size_t kLeastBytes = 3;
    std::vector<IdentityRecord> identities(in.count(kLeastBytes));
    for (IdentityRecord& record : identities) {
      record.labels = in.labels();
      record.identity = in.number_up_to<std::uint32_t>(kMaxNumber);
      record.peer_class = in.number_up_to<std::uint32_t>(kMaxNumber);
    }
    if (!in.at_end()) return fail("there is more than identities");
    if (auto checked = check_identities(identities); !checked)
      return std::unexpected(checked.error());
    return identities;
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

}  // namespace policyc::endpoint
