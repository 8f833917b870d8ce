#pragma once
// What a source once said, said again.

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "loader/bpf/fd.h"
#include "loader/source/source.h"

namespace policyc::watch {

// Of a recording (recording.h), read as a whole at each start; blank lines are skipped. Resumes
// after a cursor of the same recording, also when lines have been added since; tells everything
// after any other one. At the end of the file it is silent.
class ReplaySource final : public Source {
 public:
  explicit ReplaySource(std::filesystem::path file) : file_(std::move(file)) {}

  // An Error names the line that is no event.
  [[nodiscard]] Result<bool> start(const std::optional<Cursor>& after) override;
  [[nodiscard]] int fd() const override { return ready_.get(); }
  [[nodiscard]] Result<std::optional<Event>> next() override;
  // Number of events taken, and a hash of them: "12:9f86d0...".
  [[nodiscard]] Cursor cursor() const override;

 private:
  struct Line {
    Event event;
    std::string hash;  // of all lines up to this one
  };

  std::filesystem::path file_;
  std::vector<Line> lines_;
  std::size_t position_ = 0;
  bpf::Fd ready_;
};

}  // namespace policyc::watch
