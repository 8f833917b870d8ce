#include "loader/network/hooks.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "loader/bpf/fd.h"
#include "loader/bpf/info.h"
#include "loader/bpf/log.h"
#include "loader/sockets/cgroup.h"
#include "loader/sockets/object.h"

namespace policyc::network {
namespace {

// linux/bpf.h since Linux 6.6.
constexpr auto kTcxIngress = static_cast<bpf_attach_type>(46);
constexpr auto kTcxEgress = static_cast<bpf_attach_type>(47);
constexpr std::uint32_t kMostPrograms = 64;  // of a hook: the kernel's limit

class Finder {
 public:
  Finder(std::uint32_t index, const std::vector<std::uint32_t>& ours)
      : index_(index), ours_(ours) {}

  void xdp() {
    std::uint32_t id = 0;
    if (bpf_xdp_query_id(static_cast<int>(index_), 0, &id) == 0 && id != 0) add(HookPoint::Xdp, id);
  }

  void tcx(HookPoint point, bpf_attach_type type) {
    std::array<std::uint32_t, kMostPrograms> ids{};
    std::uint32_t count = ids.size();
    std::uint32_t flags = 0;
    if (bpf_prog_query(static_cast<int>(index_), type, 0, &flags, ids.data(), &count) != 0) return;
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(count, ids.size()); ++i)
      add(point, ids[i]);
  }

  // In the order of their preferences: the kernel lists them so.
  void clsact(HookPoint point, std::uint32_t parent) {
    const std::unique_ptr<nl_sock, void (*)(nl_sock*)> socket(nl_socket_alloc(), nl_socket_free);
    const std::unique_ptr<nl_msg, void (*)(nl_msg*)> message(
        nlmsg_alloc_simple(RTM_GETTFILTER, NLM_F_DUMP), nlmsg_free);
    if (!socket || !message || nl_connect(socket.get(), NETLINK_ROUTE) < 0) return;
    tcmsg header{};
    header.tcm_family = AF_UNSPEC;
    header.tcm_ifindex = static_cast<int>(index_);
    header.tcm_parent = parent;
    std::vector<Filter> filters;
    nl_socket_modify_cb(socket.get(), NL_CB_VALID, NL_CB_CUSTOM, &Finder::see_filter, &filters);
    if (nlmsg_append(message.get(), &header, sizeof header, NLMSG_ALIGNTO) < 0 ||
        nl_send_auto(socket.get(), message.get()) < 0)
      return;
    // An interface without such a qdisc answers with an error.
    if (nl_recvmsgs_default(socket.get()) < 0) return;
    for (const Filter& filter : filters) {
      if (filter.kind == "bpf")
        add(point, filter.number);
      else
        result.push_back({point, filter.number, "", false, filter.kind});
    }
  }

  std::vector<HookProgram> result;

 private:
  struct Filter {
    std::string kind;
    std::uint32_t number;  // the program's id, or the preference
    friend bool operator==(const Filter&, const Filter&) = default;
  };

  static int see_filter(nl_msg* message, void* argument) {
    std::array<nlattr*, TCA_MAX + 1> attributes{};
    if (nlmsg_parse(nlmsg_hdr(message), sizeof(tcmsg), attributes.data(), TCA_MAX, nullptr) < 0 ||
        attributes[TCA_KIND] == nullptr)
      return NL_OK;
    Filter filter{nla_get_string(attributes[TCA_KIND]), 0};
    if (filter.kind == "bpf") {
      std::array<nlattr*, TCA_BPF_MAX + 1> options{};
      if (attributes[TCA_OPTIONS] == nullptr ||
          nla_parse_nested(options.data(), TCA_BPF_MAX, attributes[TCA_OPTIONS], nullptr) < 0 ||
          options[TCA_BPF_ID] == nullptr)
        return NL_OK;
      filter.number = nla_get_u32(options[TCA_BPF_ID]);
    } else {
      const auto* header = static_cast<const tcmsg*>(nlmsg_data(nlmsg_hdr(message)));
      filter.number = TC_H_MAJ(header->tcm_info) >> 16U;
    }
    // Of one preference there are several messages: itself, its tables, each match.
    auto& filters = *static_cast<std::vector<Filter>*>(argument);
    if (filter.kind == "bpf" || filters.empty() || filters.back() != filter)
      filters.push_back(std::move(filter));
    return NL_OK;
  }

  void add(HookPoint point, std::uint32_t id) {
    const auto info = bpf::program_info_by_id(id);
    result.push_back(
        {point, id, info ? info->name : "", std::ranges::find(ours_, id) != ours_.end()});
  }

  std::uint32_t index_;
  const std::vector<std::uint32_t>& ours_;
};

}  // namespace

std::string_view hook_point_name(HookPoint point) {
  switch (point) {
    case HookPoint::Xdp:
      return "XDP";
    case HookPoint::TcxIngress:
      return "tcx ingress";
    case HookPoint::TcxEgress:
      return "tcx egress";
    case HookPoint::ClsactIngress:
      return "clsact ingress";
    case HookPoint::ClsactEgress:
      return "clsact egress";
  }
  return "";
}

std::vector<HookProgram> programs_on(std::uint32_t interface_index,
                                     const std::vector<std::uint32_t>& ours) {
  const bpf::LogCapture quiet;
  Finder finder(interface_index, ours);
  finder.xdp();
  finder.tcx(HookPoint::TcxIngress, kTcxIngress);
  finder.tcx(HookPoint::TcxEgress, kTcxEgress);
  finder.clsact(HookPoint::ClsactIngress, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
  finder.clsact(HookPoint::ClsactEgress, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS));
  return std::move(finder.result);
}

std::vector<SocketHookProgram> programs_at_sockets(const std::filesystem::path& cgroup,
                                                   const std::vector<std::uint32_t>& ours) {
  const bpf::LogCapture quiet;
  std::vector<SocketHookProgram> result;
  const auto path = cgroup.empty() ? sockets::root_cgroup() : Result<std::filesystem::path>(cgroup);
  if (!path) return result;
  const auto opened = sockets::open_cgroup(*path);
  if (!opened) return result;
  for (const sockets::SocketProgram& hook : sockets::socket_programs()) {
    std::array<std::uint32_t, kMostPrograms> ids{};
    std::uint32_t count = ids.size();
    std::uint32_t flags = 0;
    if (bpf_prog_query(opened->fd.get(), static_cast<bpf_attach_type>(hook.attach_type),
                       BPF_F_QUERY_EFFECTIVE, &flags, ids.data(), &count) != 0)
      continue;
    for (std::uint32_t i = 0; i < std::min<std::uint32_t>(count, ids.size()); ++i) {
      const auto info = bpf::program_info_by_id(ids[i]);
      result.push_back({std::string(hook.name), ids[i], info ? info->name : "",
                        std::ranges::find(ours, ids[i]) != ours.end()});
    }
  }
  return result;
}

std::vector<std::uint32_t> pinned_programs(const std::filesystem::path& directory) {
  const bpf::LogCapture quiet;
  std::vector<std::uint32_t> ids;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(directory, error), end;
       !error && entry != end; entry.increment(error)) {
    const bpf::Fd fd(bpf_obj_get(entry->path().c_str()));
    if (!fd.valid()) continue;
    // Says it of a program and of a link alike, and not of a map.
    std::ifstream info("/proc/self/fdinfo/" + std::to_string(fd.get()));
    for (std::string word; info >> word;) {
      std::uint32_t id = 0;
      if (word == "prog_id:" && info >> id) ids.push_back(id);
    }
  }
  return ids;
}

}  // namespace policyc::network
