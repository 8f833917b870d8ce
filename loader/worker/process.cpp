#include "loader/worker/process.h"

#include <algorithm>
#include <exception>
#include <utility>

#include <loader/worker/worker.pb.h>

#include "loader/endpoint/inventory_change.h"
#include "loader/worker/frame.h"
#include "loader/worker/process_messages.h"

namespace policyc::worker {
namespace {

constexpr unsigned kMaxThreads = 64;
constexpr std::size_t kSmallFile = std::size_t{64} << 10;  // some milliseconds of work

std::string frame_of(const wire::Reply& reply) {
  std::string bytes(kLengthBytes, '\0');
  if (reply.ByteSizeLong() > kMaxReplyBytes) {
    wire::Reply refusal;
    refusal.set_id(reply.id());
    refusal.set_error("the reply is too large");
    refusal.AppendToString(&bytes);
  } else {
    reply.AppendToString(&bytes);
  }
  bytes.replace(0, kLengthBytes, length_prefix(bytes.size() - kLengthBytes));
  return bytes;
}

}  // namespace

int Process::run() {
  std::string message;
  char prefix[kLengthBytes];
  while (true) {
    if (!in_.read(prefix, 1)) return 0;
    if (!in_.read(prefix + 1, kLengthBytes - 1)) return broken_off();
    const std::size_t length = read_length(prefix);
    if (length > kMaxRequestBytes) {
      wire::Reply reply;
      reply.set_error("the request is too large");
      send_held();
      send(reply);
      return 1;
    }
    message.resize(length);
    if (!in_.read(message.data(), length)) return broken_off();
    handle(message);
    constexpr std::size_t kKeep = std::size_t{1} << 20;
    if (message.capacity() > kKeep) message = {};
  }
}

int Process::broken_off() {
  send_held();
  return 1;
}

void Process::handle(std::string_view message) {
  wire::Reply reply;
  wire::Request request;
  if (!request.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
    reply.set_error("the request cannot be read");
    send_held();
    return send(reply);
  }
  reply.set_id(request.id());
  const bool is_small_file = request.has_put_file() && message.size() <= kSmallFile;
  const bool is_few_pods = request.has_resolve() && request.resolve().only_pods();
  if (!is_small_file && !is_few_pods) send_held();
  dispatch(request, reply);
  if (request.has_compile() && reply.error().empty()) return;  // answered by a thread
  held_ += frame_of(reply);
  ++held_count_;
  if (!request.has_put_file() || !in_.has_more() || held_count_ == kMaxHeld) send_held();
}

void Process::dispatch(wire::Request& request, wire::Reply& reply) {
  if (request.has_configure()) return configure(request.configure(), reply);
  if (!session_) return reply.set_error("there was no Configure yet");
  switch (request.body_case()) {
    case wire::Request::kPutFile: {
      wire::PutFile& file = *request.mutable_put_file();
      const auto verdict =
          session_->put_file(file.key(), file.name(), std::move(*file.mutable_content()));
      wire::FileResult& result = *reply.mutable_file();
      result.set_key(file.key());
      result.set_accepted(verdict.accepted);
      result.set_diagnostics(bounded_text(verdict.diagnostics));
      result.set_last_good(verdict.last_good);
      return;
    }
    case wire::Request::kRemoveFile:
      return session_->remove_file(request.remove_file().key());
    case wire::Request::kResolve:
      return resolve(request.resolve(), reply);
    case wire::Request::kCompile: {
      auto shape = session_->find(request.compile().shape());
      if (shape) return pool_->add(request.id(), request.compile().priority(), std::move(shape));
      reply.set_unknown_shape(true);
      return reply.set_error("the shape is not of the last resolution");
    }
    default:
      return reply.set_error("the request asks for nothing that is known");
  }
}

void Process::configure(const wire::Configure& configure, wire::Reply& reply) {
  if (session_) return reply.set_error("there was a Configure before");
  auto options = session_options(configure);
  if (!options) return reply.set_error(options.error().message);
  options_ = options->read.agent;
  const unsigned threads = std::clamp(configure.threads(), 1U, kMaxThreads);
  options->read_workers = threads;
  session_ = std::make_unique<driver::Session>(std::move(*options));
  pool_ = std::make_unique<CompilePool>(
      threads, [this](std::uint64_t id, const Result<backend::Bytes>& object) {
        wire::Reply compiled;
        compiled.set_id(id);
        if (object) {
          compiled.mutable_compiled()->set_object(object->data(), object->size());
        } else {
          compiled.set_error(bounded_text(object.error().message));
        }
        send(compiled);
      });
}

void Process::resolve(const wire::Resolve& resolve, wire::Reply& reply) {
  if (!resolve.same_endpoints()) endpoints_ = session_endpoints(resolve);
  if (resolve.only_pods() && (resolve.everything() || !session_->only_pods_changed())) {
    reply.set_more_than_pods(true);
    return reply.set_error("more than pods changed");
  }
  const auto resolution =
      endpoints_ ? session_->resolve(*std::exchange(endpoints_, {}), resolve.everything())
                 : session_->resolve_again(resolve.everything());
  wire::Resolved& resolved = *reply.mutable_resolved();
  write_resolution(resolution, resolved);
  resolved.set_everything(resolution.everything);
  resolved.set_same_subjects(resolution.same_subjects);
  if (!resolution.inventory_changed()) return;
  endpoint::InventoryChange change{{}, resolution.endpoint_changes};
  if (resolution.more_than_endpoints) {
    const policy::Cluster& from = *resolution.cluster;
    change.rest = {options_,
                   {from.namespaces, {}, from.nodes, from.services, from.dns, from.listeners},
                   *resolution.prefixes};
  }
  resolved.set_inventory(endpoint::to_bytes(change));
}

void Process::send(const wire::Reply& reply) {
  const std::string bytes = frame_of(reply);
  const std::lock_guard lock(write_mutex_);
  (void)write_whole(fd_, bytes);  // the reader learns of an end
}

void Process::send_held() {
  if (held_.empty()) return;
  const std::lock_guard lock(write_mutex_);
  (void)write_whole(fd_, held_);
  held_.clear();
  held_count_ = 0;
}

}  // namespace policyc::worker
