#pragma once
// Reads the ring buffer of events.

#include <functional>
#include <memory>

#include "compiler/support/result.h"
#include "loader/bpf/map.h"
#include "loader/observe/event.h"

struct ring_buffer;

namespace policyc::observe {

class Reader {
 public:
  // `events` must outlive the reader. One reader at a time: a record is seen once.
  [[nodiscard]] static Result<Reader> open(const bpf::MapHandle& events);

  // Hands over what is in the ring; when it is empty, waits up to `timeout_ms` first. The programs
  // wake a reader only when much has gathered, so call it again and again. `on_event` returns false
  // to stop. Returns how many were handed over.
  [[nodiscard]] Result<int> poll(int timeout_ms, const std::function<bool(const Event&)>& on_event);

 private:
  struct Free {
    void operator()(ring_buffer* ring) const;
  };
  // Where the callback finds what to call; its address must stay when the reader moves.
  struct Sink {
    const std::function<bool(const Event&)>* on_event = nullptr;
    int count = 0;
  };
  Reader(std::unique_ptr<ring_buffer, Free> ring, std::unique_ptr<Sink> sink)
      : sink_(std::move(sink)), ring_(std::move(ring)) {}
  static int handle(void* context, void* data, std::size_t size);

  std::unique_ptr<Sink> sink_;
  std::unique_ptr<ring_buffer, Free> ring_;
};

}  // namespace policyc::observe
