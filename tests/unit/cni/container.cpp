#include "tests/unit/cni/container.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <exception>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace policyc::testing {
namespace {

constexpr int kMinute = 60000;

}  // namespace

std::string output_of(const std::string& command) {
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("popen: " + command);
  std::string output;
  std::array<char, 4096> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), size);
  if (::pclose(pipe) != 0) throw std::runtime_error("failed: " + command);
  return output;
}

Ran run_plugin(const std::string& program, const std::map<std::string, std::string>& environment,
               const std::string& input, const std::vector<std::string>& arguments) {
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> pointers;
  for (std::string& variable : variables) pointers.push_back(variable.data());
  pointers.push_back(nullptr);
  const bpf::Fd stdin_file(::memfd_create("config", MFD_CLOEXEC));
  if (::write(stdin_file.get(), input.data(), input.size()) != static_cast<ssize_t>(input.size()))
    throw std::runtime_error("cannot write the input");
  ::lseek(stdin_file.get(), 0, SEEK_SET);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(stdin_file.get(), 0);
    ::dup2(ends[1], 1);
    ::execve(program.c_str(), argv.data(), pointers.data());
    ::_exit(121);
  }
  const bpf::Fd output(ends[0]);
  ::close(ends[1]);
  Ran ran;
  std::array<char, 4096> buffer{};
  while (true) {
    pollfd waiting{output.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kMinute) == 0) {
      ::kill(child, SIGKILL);
      break;
    }
    const ssize_t size = ::read(output.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) break;
    ran.output.append(buffer.data(), static_cast<std::size_t>(size));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status)) ran.exit_code = WEXITSTATUS(status);
  ran.json = Json::parse(ran.output, nullptr, false);
  return ran;
}

Container::Container(std::string id) : id_(std::move(id)) {
  std::thread maker([this] {
    if (::unshare(CLONE_NEWNET) == 0)
      network_ = bpf::Fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  });
  maker.join();
  if (!network_.valid()) throw std::runtime_error("no network namespace");
  static_cast<void>(run("ip link set lo up"));
}

std::string Container::path() const {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(network_.get());
}

std::string Container::run(const std::string& command) const {
  return output_of("nsenter --net=" + path() + " sh -c '" + command + "'");
}

void Container::inside(const std::function<void()>& action) const {
  std::exception_ptr failed;
  std::thread worker([&] {
    try {
      if (::setns(network_.get(), CLONE_NEWNET) != 0) throw std::runtime_error("setns");
      action();
    } catch (...) {
      failed = std::current_exception();
    }
  });
  worker.join();
  if (failed) std::rethrow_exception(failed);
}

Json Container::interface(const std::string& name) const {
  for (const Json& entry : Json::parse(run("ip -j address show"))) {
    if (entry.value("ifname", "") == name) return entry;
  }
  return nullptr;
}

bool is_up(const Json& interface) {
  if (interface.is_null()) return false;
  const auto& flags = interface.at("flags");
  return std::find(flags.begin(), flags.end(), "UP") != flags.end();
}

std::vector<std::string> addresses_of(const Json& interface) {
  std::vector<std::string> result;
  if (interface.is_null()) return result;
  for (const Json& entry : interface.at("addr_info")) {
    if (entry.value("scope", "") == "link") continue;
    if (entry.value("tentative", false)) throw std::runtime_error("tentative: " + entry.dump());
    result.push_back(entry.at("local").get<std::string>() + "/" +
                     std::to_string(entry.at("prefixlen").get<int>()));
  }
  std::sort(result.begin(), result.end());
  return result;
}

}  // namespace policyc::testing
