#include "loader/sockets/iterator.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <unistd.h>

#include "compiler/backend/backend.h"
#include "loader/bpf/fd.h"
#include "loader/bpf/log.h"

namespace policyc::sockets {

Result<CutIterator> CutIterator::load(const Keys& wanted) {
  auto object = bpf::Object::open(backend::socket_cut_object(), "policyc_cut");
  if (!object) return std::unexpected(object.error());
  const auto entries = static_cast<std::uint32_t>(std::max<std::size_t>(wanted.size(), 1));
  if (auto sized = object->set_max_entries("cut_wanted", entries); !sized)
    return std::unexpected(sized.error());
  if (auto loaded = object->load(); !loaded) return std::unexpected(loaded.error());
  const auto map = object->map_fd("cut_wanted");
  if (!map) return std::unexpected(map.error());
  const std::uint8_t value = 1;
  for (const socket_reverse_key& key : wanted) {
    if (const int status = bpf_map_update_elem(*map, &key, &value, BPF_ANY); status != 0)
      return bpf::fail_errno("write map cut_wanted", status);
  }
  return CutIterator(std::move(*object));
}

Result<Keys> CutIterator::destroy(std::uint8_t protocol) const {
  Keys all;
  while (true) {
    const auto cut = pass(protocol);
    if (!cut || cut->empty()) return cut ? Result<Keys>(std::move(all)) : cut;
    all.insert(cut->begin(), cut->end());
  }
}

Result<Keys> CutIterator::pass(std::uint8_t protocol) const {
  const auto program = object_.program_fd(protocol == IPPROTO_UDP ? "cut_udp" : "cut_tcp");
  if (!program) return std::unexpected(program.error());
  const bpf::Fd link(bpf_link_create(*program, 0, BPF_TRACE_ITER, nullptr));
  if (!link.valid()) return bpf::fail_errno("make an iterator over sockets", link.get());
  const bpf::Fd iterator(bpf_iter_create(link.get()));
  if (!iterator.valid()) return bpf::fail_errno("start an iterator over sockets", iterator.get());
  Keys cut;
  std::array<socket_reverse_key, 128> buffer;
  std::size_t filled = 0;  // bytes: a read may end within a key
  while (true) {
    const auto got = ::read(iterator.get(), reinterpret_cast<char*>(buffer.data()) + filled,
                            sizeof buffer - filled);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return bpf::fail_errno("go over the sockets", errno);
    if (got == 0) return cut;
    filled += static_cast<std::size_t>(got);
    const std::size_t whole = filled / sizeof(socket_reverse_key);
    cut.insert(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(whole));
    filled -= whole * sizeof(socket_reverse_key);
    std::memmove(buffer.data(), buffer.data() + whole, filled);
  }
}

}  // namespace policyc::sockets
