#include "loader/bpf/log.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <system_error>

#include <bpf/libbpf.h>

namespace policyc::bpf {
namespace {

constexpr std::size_t kMaxTextBytes = std::size_t{64} << 10U;

// libbpf has one print callback for the process; this routes it to the capture of the calling
// thread.
thread_local std::string* active_capture = nullptr;

int collect(libbpf_print_level level, const char* format, va_list arguments) {
  if (active_capture == nullptr || level == LIBBPF_DEBUG) return 0;
  va_list counted;
  va_copy(counted, arguments);
  const int length = std::vsnprintf(nullptr, 0, format, counted);
  va_end(counted);
  if (length <= 0) return 0;
  const std::size_t old_size = active_capture->size();
  active_capture->resize(old_size + static_cast<std::size_t>(length) + 1);
  std::vsnprintf(active_capture->data() + old_size, static_cast<std::size_t>(length) + 1, format,
                 arguments);
  active_capture->resize(old_size + static_cast<std::size_t>(length));
  return length;
}

}  // namespace

LogCapture::LogCapture() : outer_(active_capture) {
  static std::once_flag once;
  std::call_once(once, [] { libbpf_set_print(collect); });
  active_capture = &text_;
}

LogCapture::~LogCapture() { active_capture = outer_; }

std::string LogCapture::text() const {
  if (text_.size() <= kMaxTextBytes) return text_;
  const std::size_t begin = text_.size() - kMaxTextBytes;
  return "(" + std::to_string(begin) + " earlier bytes left out)\n" + text_.substr(begin);
}

std::unexpected<Error> fail_errno(std::string_view what, int number) {
  return fail("cannot " + std::string(what) + ": " +
              std::generic_category().message(std::abs(number)));
}

}  // namespace policyc::bpf
