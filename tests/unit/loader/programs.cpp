#include "tests/unit/loader/programs.h"

#include <array>
#include <stdexcept>

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include "compiler/driver/compilation.h"
#include "tests/unit/loader/sandbox.h"

namespace policyc::testing {
namespace {

constexpr const char* kCounting = R"(
#include "runtime/include/generated.h"
struct {
  int (*type)[POLICYC_MAP_TYPE_ARRAY];
  int (*max_entries)[2];
  policyc_u32 *key;
  policyc_u64 *value;
} hits __attribute__((section(".maps"), used));

struct buffer { policyc_u32 len, pkt_type, mark, queue_mapping, protocol; };

POLICYC_INLINE int count(struct buffer *buffer, policyc_u32 which)
{
  policyc_u64 *hit = policyc_map_lookup(&hits, &which);
  if (hit && buffer->protocol == 0xb588)
    __sync_fetch_and_add(hit, 1);
  return 0;
}
__attribute__((section("tc"), used)) int from_endpoint(struct buffer *buffer) { return count(buffer, 0); }
__attribute__((section("tc"), used)) int to_endpoint(struct buffer *buffer) { return count(buffer, 1); }
char test_license[] __attribute__((section("license"), used)) = "GPL";
)";

}  // namespace

backend::Bytes compile_c(const std::string& text) {
  return must(backend::compile("test.c", text, backend::Output::Object)).output;
}

backend::Bytes counting_object() { return compile_c(kCounting); }

FrameSender::FrameSender(const std::string& interface)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_protocol = htons(kCountedEtherType);
  where.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
  if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0) {
    throw std::runtime_error("cannot bind to " + interface);
  }
}

bool FrameSender::send() const {
  std::array<std::uint8_t, 64> frame{};
  frame.fill(0xff);
  frame[12] = kCountedEtherType >> 8U;
  frame[13] = kCountedEtherType & 0xffU;
  return ::send(socket_.get(), frame.data(), frame.size(), 0) == static_cast<ssize_t>(frame.size());
}

std::vector<backend::Bytes> compile_policies(const std::string& yaml,
                                             const std::string& inventory) {
  driver::CompileOptions options;
  options.has_inventory = !inventory.empty();
  driver::Compilation compilation(options);
  std::vector<driver::InputText> inventory_texts;
  if (!inventory.empty()) inventory_texts.push_back({"inventory.yaml", inventory});
  const bool built = compilation.parse({{"policy.yaml", yaml}}, std::move(inventory_texts)) &&
                     compilation.resolve() && compilation.build_shapes();
  if (!built)
    throw std::runtime_error(diag::render_text(compilation.sources(), compilation.diagnostics()));
  std::vector<backend::Bytes> objects;
  for (const driver::ShapeUnit& unit : compilation.shapes()) {
    objects.push_back(must(driver::compile_shape(unit.shape, compilation.sources())).object);
  }
  return objects;
}

}  // namespace policyc::testing
