#include "loader/observe/reader.h"

#include <cerrno>

#include <bpf/libbpf.h>

#include "loader/bpf/log.h"

namespace policyc::observe {
namespace {
constexpr int kStop = -ECANCELED;
}

void Reader::Free::operator()(ring_buffer* ring) const { ring_buffer__free(ring); }

int Reader::handle(void* context, void* data, std::size_t size) {
  auto* sink = static_cast<Sink*>(context);
  const auto event = decode({static_cast<const std::byte*>(data), size});
  if (!event) return 0;
  ++sink->count;
  return (*sink->on_event)(*event) ? 0 : kStop;
}

Result<Reader> Reader::open(const bpf::MapHandle& events) {
  const bpf::LogCapture log;
  auto sink = std::make_unique<Sink>();
  std::unique_ptr<ring_buffer, Free> ring(
      ring_buffer__new(events.fd(), &Reader::handle, sink.get(), nullptr));
  if (ring == nullptr) {
    return fail(bpf::fail_errno("open the ring buffer of events", errno).error().message + "\n" +
                log.text());
  }
  return Reader(std::move(ring), std::move(sink));
}

Result<int> Reader::poll(int timeout_ms, const std::function<bool(const Event&)>& on_event) {
  const bpf::LogCapture log;
  sink_->on_event = &on_event;
  sink_->count = 0;
  int status = ring_buffer__consume(ring_.get());
  if (status == 0 && sink_->count == 0) {
    status = ring_buffer__poll(ring_.get(), timeout_ms);
    if (status >= 0 && sink_->count == 0) status = ring_buffer__consume(ring_.get());
  }
  if (status < 0 && status != kStop && status != -EINTR)
    return bpf::fail_errno("read events", status);
  return sink_->count;
}

}  // namespace policyc::observe
