#pragma once
// Events as JSON lines, for tests and to see later what a source said:
//   {"kind":"put","key":"a.yaml","version":7,"name":"/etc/a.yaml","content":"..."}
//   {"kind":"deleted","key":"a.yaml","version":8}
//   {"kind":"unusable","key":"b.yaml","version":9,"name":"...","error":"..."}
//   {"kind":"synced","version":10}
// Content that is not UTF-8 stands as hexadecimal digits in "content_hex".

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "compiler/support/result.h"
#include "loader/source/source.h"

namespace policyc::watch {

// Without the end of line.
[[nodiscard]] std::string to_json_line(const Event& event);
[[nodiscard]] Result<Event> parse_json_line(std::string_view line);

// Starts the source and writes its events to the file, each as it comes, until `is_last` is true
// of one, which is written. Waits for events as long as it takes. Returns how many were written.
[[nodiscard]] Result<std::size_t> record(Source& source, const std::filesystem::path& file,
                                         const std::function<bool(const Event&)>& is_last);

}  // namespace policyc::watch
