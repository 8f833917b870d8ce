#pragma once
// inotify(7): watches of directories by their path below the root. One inode may be reached by
// several paths (symbolic links), and has one watch.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"

namespace policyc::watch {

class Watches {
 public:
  // One event of one directory; `name` is empty for an event of the directory itself. For the time
  // of the call that tells it.
  struct Event {
    const std::string& directory;
    std::string_view name;
    std::uint32_t mask = 0;
  };

  [[nodiscard]] static Result<Watches> open();
  [[nodiscard]] int fd() const { return inotify_.get(); }

  // Watches the directory that `path` leads to under the name `directory`, in place of what that
  // name stood for.
  [[nodiscard]] Result<void> add(const std::string& directory, const std::filesystem::path& path);
  // Fine when there is none.
  void remove(const std::string& directory);
  [[nodiscard]] bool has(const std::string& directory) const {
    return descriptors_.contains(directory);
  }
  [[nodiscard]] const std::map<std::string, int>& all() const { return descriptors_; }

  // Tells the events that there are now, at most one buffer of them, to who adds and removes
  // nothing meanwhile. `overflow` is called when the kernel has thrown some away. Returns whether
  // there were any.
  [[nodiscard]] Result<bool> read(const std::function<void(const Event&)>& take,
                                  const std::function<void()>& overflow);

 private:
  void unlink(const std::string& directory, bool forget_kernel);

  bpf::Fd inotify_;
  std::map<std::string, int> descriptors_;            // directory -> watch
  std::map<int, std::set<std::string>> directories_;  // watch -> its names
};

}  // namespace policyc::watch
