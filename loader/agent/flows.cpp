// Flows to whoever asks (service.h): a reader of the rings for each call.

#include <deque>

#include "loader/agent/service.h"
#include "loader/bpf/bpffs.h"
#include "loader/maps/node_maps.h"
#include "loader/observe/format.h"
#include "loader/observe/reader.h"

namespace policyc::agent {
namespace {

constexpr int kPollMilliseconds = 100;
constexpr std::size_t kMostKept = 100'000;

}  // namespace

grpc::Status Service::StreamFlows(grpc::ServerContext* context,
                                  const v1::StreamFlowsRequest* request,
                                  grpc::ServerWriter<v1::Flow>* writer) {
  const auto maps = maps::NodeMaps::open(paths_.maps());
  if (!maps) return {grpc::StatusCode::UNAVAILABLE, maps.error().message};
  const bool history = request->last() != 0;
  auto reader = observe::Reader::open(*maps, history ? events::From::Oldest : events::From::Now);
  if (!reader) return {grpc::StatusCode::UNAVAILABLE, reader.error().message};
  observe::FlowMaker maker(paths_, node_name_);
  const std::string boot = observe::boot_id();
  const auto write = [&](const observe::Flow& flow) {
    v1::Flow message;
    message.set_json(observe::json_line(flow, boot));
    return writer->Write(message);
  };
  std::deque<observe::Flow> past;
  if (history) {
    const std::uint64_t offset = observe::wall_clock_offset_ns();
    const std::size_t most = std::min<std::size_t>(request->last(), kMostKept);
    reader->poll(0, [&](const observe::Event& event) {
      past.push_back(maker.make(event, offset));
      if (past.size() > most) past.pop_front();
      return true;
    });
  }
  bool open = true;
  for (const observe::Flow& flow : past) open = open && write(flow);
  while (open && request->follow() && !context->IsCancelled() && !closed_) {
    const std::uint64_t offset = observe::wall_clock_offset_ns();
    reader->poll(kPollMilliseconds, [&](const observe::Event& event) {
      open = write(maker.make(event, offset));
      return open;
    });
  }
  return grpc::Status::OK;
}

}  // namespace policyc::agent
