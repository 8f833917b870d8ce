#include "cli/git_tree.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace policyc::cli {
namespace {

constexpr std::size_t kMaxOutput = 1U << 30U;

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

Error system_error(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

Result<std::string> read_all(int fd) {
  std::string out;
  std::array<char, 65536> chunk{};
  for (;;) {
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return std::unexpected(system_error("git"));
    if (count == 0) return out;
    out.append(chunk.data(), static_cast<std::size_t>(count));
    if (out.size() > kMaxOutput) return fail("git: the manifests are larger than 1 GiB");
  }
}

[[noreturn]] void become_git(const std::vector<std::string>& arguments, int in, int out, int err) {
  std::vector<char*> argv;
  std::string program = "git";
  argv.push_back(program.data());
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  if (::dup2(in, 0) >= 0 && ::dup2(out, 1) >= 0 && ::dup2(err, 2) >= 0) {
    ::setenv("GIT_OPTIONAL_LOCKS", "0", 1);
    ::setenv("GIT_NO_LAZY_FETCH", "1", 1);
    ::setenv("GIT_TERMINAL_PROMPT", "0", 1);
    ::setenv("LC_ALL", "C", 1);
    ::execvp("git", argv.data());
  }
  ::_exit(127);
}

struct Ran {
  int code = 0;
  std::string out, err;
};

// Standard input and standard error are files in memory, so that no pipe can fill up unread.
Result<Ran> run_git(const std::vector<std::string>& arguments, std::string_view input) {
  const Descriptor in(::memfd_create("policyc-git-in", MFD_CLOEXEC));
  const Descriptor err(::memfd_create("policyc-git-err", MFD_CLOEXEC));
  if (in.get() < 0 || err.get() < 0 || !write_all(in.get(), input) ||
      ::lseek(in.get(), 0, SEEK_SET) != 0)
    return std::unexpected(system_error("git"));
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return std::unexpected(system_error("git"));
  Descriptor reader(pipe[0]);
  Descriptor writer(pipe[1]);
  const pid_t child = ::fork();
  if (child < 0) return std::unexpected(system_error("git"));
  if (child == 0) become_git(arguments, in.get(), writer.get(), err.get());
  writer.close();
  auto out = read_all(reader.get());
  reader.close();  // git ends when its output is not wanted any more
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!out) return std::unexpected(out.error());
  Ran ran{WIFEXITED(status) ? WEXITSTATUS(status) : 128, std::move(*out), {}};
  if (ran.code == 127) return fail("git cannot be run; revisions need it");
  if (::lseek(err.get(), 0, SEEK_SET) == 0) ran.err = read_all(err.get()).value_or("");
  return ran;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

bool is_manifest(std::string_view path) {
  return path.ends_with(".yaml") || path.ends_with(".yml") || path.ends_with(".json");
}

struct Blob {
  std::string id, path;
};

// "<mode> blob <id>\t<path>" between NULs.
std::vector<Blob> read_tree(std::string_view text) {
  std::vector<Blob> out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    const std::string_view entry = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t tab = entry.find('\t');
    const bool is_file = entry.starts_with("100644 blob ") || entry.starts_with("100755 blob ");
    if (!is_file || tab == std::string_view::npos) continue;
    const std::string_view path = entry.substr(tab + 1);
    constexpr std::size_t kIdAt = 12;
    if (is_manifest(path))
      out.push_back({std::string(entry.substr(kIdAt, tab - kIdAt)), std::string(path)});
  }
  return out;
}

// Answers of `cat-file --batch`: "<id> blob <size>\n<bytes>\n", in the order of the questions.
Result<std::vector<driver::InputText>> read_blobs(std::string_view text, const std::string& shown,
                                                  const std::vector<Blob>& blobs) {
  std::vector<driver::InputText> out;
  for (const Blob& blob : blobs) {
    const std::size_t line = text.find('\n');
    const std::string start = blob.id + " blob ";
    std::size_t size = 0;
    bool good = line != std::string_view::npos && text.starts_with(start);
    if (good) {
      const std::string_view number = text.substr(start.size(), line - start.size());
      const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), size);
      good = error == std::errc() && end == number.data() + number.size() &&
             text.size() - line - 1 > size;
    }
    if (!good) return fail(shown + ":" + blob.path + ": git does not give its content");
    out.push_back({shown + ":" + blob.path, std::string(text.substr(line + 1, size))});
    text.remove_prefix(line + 1 + size + 1);
  }
  return out;
}

}  // namespace

Result<std::string> git_commit(const std::string& revision) {
  if (revision.empty() || revision.starts_with('-'))
    return fail("`" + revision + "` is no file, no directory and no git revision");
  const auto ran = run_git({"rev-parse", "--verify", "--quiet", revision + "^{commit}"}, {});
  if (!ran) return std::unexpected(ran.error());
  if (ran->code != 0) {
    const std::string why = ran->err.empty() ? "" : " (" + first_line(ran->err) + ")";
    return fail("`" + revision + "` is no file, no directory and no git revision" + why);
  }
  return first_line(ran->out);
}

Result<std::vector<driver::InputText>> git_manifests(const std::string& commit,
                                                     const std::string& shown,
                                                     const std::vector<std::string>& paths) {
  std::vector<std::string> arguments = {"ls-tree", "-r", "-z", commit, "--"};
  arguments.insert(arguments.end(), paths.begin(), paths.end());
  const auto tree = run_git(arguments, {});
  if (!tree) return std::unexpected(tree.error());
  if (tree->code != 0) return fail("git ls-tree: " + first_line(tree->err));
  const std::vector<Blob> blobs = read_tree(tree->out);
  std::string questions;
  for (const Blob& blob : blobs) questions += blob.id + "\n";
  const auto contents = run_git({"cat-file", "--batch"}, questions);
  if (!contents) return std::unexpected(contents.error());
  if (contents->code != 0) return fail("git cat-file: " + first_line(contents->err));
  return read_blobs(contents->out, shown, blobs);
}

}  // namespace policyc::cli
