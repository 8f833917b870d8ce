#include "compiler/driver/inputs.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>

#include <fcntl.h>
#include <unistd.h>

namespace policyc::driver {
namespace {

namespace fs = std::filesystem;

Result<std::string> read_stream(std::istream& stream) {
  std::string text;
  std::array<char, 65536> chunk{};
  while (text.size() < kMaxInputBytes && stream) {
    const std::size_t room = std::min(chunk.size(), kMaxInputBytes - text.size());
    stream.read(chunk.data(), static_cast<std::streamsize>(room));
    text.append(chunk.data(), static_cast<std::size_t>(stream.gcount()));
  }
  if (stream.bad()) return fail("standard input cannot be read");
  return text;
}

bool is_manifest(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".yaml" || extension == ".yml" || extension == ".json";
}

Result<std::vector<fs::path>> manifests_below(const fs::path& directory) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator it(directory, error), end; !error && it != end;
       it.increment(error)) {
    if (it->is_regular_file(error) && is_manifest(it->path())) files.push_back(it->path());
  }
  if (error) return fail(directory.string() + ": " + error.message());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Result<std::string> read_file(const std::string& path) {
  // Not a stream: libstdc++ throws when a read fails, as on a directory.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(path + ": " + std::strerror(errno));
  std::string text;
  std::array<char, 65536> chunk{};
  while (text.size() < kMaxInputBytes) {
    const ssize_t count =
        ::read(fd, chunk.data(), std::min(chunk.size(), kMaxInputBytes - text.size()));
    if (count == 0) break;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const std::string reason = std::strerror(errno);
      ::close(fd);
      return fail(path + ": " + reason);
    }
    text.append(chunk.data(), static_cast<std::size_t>(count));
  }
  ::close(fd);
  return text;
}

Result<std::vector<InputText>> read_inputs(const std::vector<std::string>& paths,
                                           std::istream& standard_input) {
  std::vector<InputText> inputs;
  for (const std::string& path : paths) {
    if (path == "-") {
      auto text = read_stream(standard_input);
      if (!text) return std::unexpected(text.error());
      inputs.push_back({"<stdin>", std::move(*text)});
      continue;
    }
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::exists(status))
      return fail(path + ": " + (error ? error.message() : "no such file or directory"));
    std::vector<fs::path> files{path};
    if (fs::is_directory(status)) {
      auto found = manifests_below(path);
      if (!found) return std::unexpected(found.error());
      if (found->empty()) return fail(path + ": no *.yaml, *.yml or *.json file in this directory");
      files = std::move(*found);
    }
    for (const fs::path& file : files) {
      auto text = read_file(file.string());
      if (!text) return std::unexpected(text.error());
      inputs.push_back({file.string(), std::move(*text)});
    }
  }
  return inputs;
}

Result<void> write_file(const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp." + std::to_string(getpid());
  {
    std::ofstream file(temporary, std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    file.flush();
    if (!file) {
      const std::string reason = std::strerror(errno);
      ::unlink(temporary.c_str());
      return fail(path + ": " + reason);
    }
  }
  std::error_code error;
  fs::rename(temporary, path, error);
  if (error) {
    ::unlink(temporary.c_str());
    return fail(path + ": " + error.message());
  }
  return {};
}

}  // namespace policyc::driver
