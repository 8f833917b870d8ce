#pragma once
// The last things that happened to each connection, for whoever has to find out why one went wrong.

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <tuple>

#include "tests/reference/model.h"

namespace policyc::soak {

class History {
 public:
  // `tuple` as any of its ends sees it.
  void note(const reference::Tuple& tuple, std::string what) {
    std::deque<std::string>& lines = lines_[connection(tuple)];
    lines.push_back(std::to_string(++number_) + " " + std::move(what));
    if (lines.size() > kKept) lines.pop_front();
  }
  // Of all connections.
  void note(std::string what) {
    general_.push_back(std::to_string(++number_) + " " + std::move(what));
    if (general_.size() > kKept) general_.pop_front();
  }
  [[nodiscard]] std::string of(const reference::Tuple& tuple) const {
    std::string text;
    for (const std::string& line : general_) text += "\n  " + line;
    const auto found = lines_.find(connection(tuple));
    if (found == lines_.end()) return text;
    for (const std::string& line : found->second) text += "\n    " + line;
    return text;
  }

 private:
  static constexpr std::size_t kKept = 24;
  using End = std::tuple<reference::Address, std::uint16_t>;
  using Connection = std::tuple<std::uint8_t, End, End>;
  static Connection connection(const reference::Tuple& tuple) {
    End local{tuple.local, tuple.local_port};
    End remote{tuple.remote, tuple.echo ? tuple.local_port : tuple.remote_port};
    if (remote < local) std::swap(local, remote);
    return {tuple.protocol, local, remote};
  }

  std::map<Connection, std::deque<std::string>> lines_;
  std::deque<std::string> general_;
  std::uint64_t number_ = 0;
};

}  // namespace policyc::soak
