#include "tests/unit/cni/world.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace policyc::testing {
namespace {

constexpr int kMinute = 60000;
constexpr int kArrival = 20000;

sockaddr_storage socket_address(const std::string& address, std::uint16_t port, socklen_t& length) {
  sockaddr_storage storage{};
  auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    length = sizeof *v4;
  } else if (inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    length = sizeof *v6;
  } else {
    throw std::runtime_error("not an address: " + address);
  }
  return storage;
}

}  // namespace

void shell(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
}

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
               const std::string& input) {
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
    std::array<char*, 2> arguments{const_cast<char*>(program.c_str()), nullptr};
    ::execve(program.c_str(), arguments.data(), pointers.data());
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
    EXPECT_FALSE(entry.value("tentative", false)) << entry.dump();
    result.push_back(entry.at("local").get<std::string>() + "/" +
                     std::to_string(entry.at("prefixlen").get<int>()));
  }
  std::sort(result.begin(), result.end());
  return result;
}

void CniTest::SetUpTestSuite() {
  ASSERT_EQ(::geteuid(), 0U) << "these tests need root";
  static const bool entered = ::unshare(CLONE_NEWNET) == 0;
  ASSERT_TRUE(entered);
  shell("ip link set lo up");
}

Json CniTest::config(const std::string& version) const {
  return {{"cniVersion", version},
          {"name", "testnet"},
          {"type", "policyc-cni"},
          {"agent-socket", socket_},
          {"ipam",
           {{"type", "policyc"},
            {"dataDir", (folder_ / "ipam").string()},
            {"ranges", {{{{"subnet", "10.7.0.0/24"}}}, {{{"subnet", "fd07::/64"}}}}}}}};
}

Ran CniTest::run(const std::string& command, const Container& container, const Json& configuration,
                 const std::map<std::string, std::string>& more) const {
  std::map<std::string, std::string> environment{
      {"CNI_COMMAND", command},        {"CNI_CONTAINERID", container.id()},
      {"CNI_NETNS", container.path()}, {"CNI_IFNAME", "eth0"},
      {"CNI_PATH", "/usr/lib/cni"},    {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}};
  for (const auto& [name, value] : more) environment[name] = value;
  return run_plugin(POLICYC_CNI_BINARY, environment, configuration.dump());
}

std::vector<std::string> CniTest::host_interfaces() {
  std::vector<std::string> names;
  for (const Json& entry : Json::parse(output_of("ip -j link show"))) {
    if (entry.at("ifname") != "lo") names.push_back(entry.at("ifname"));
  }
  return names;
}

std::vector<std::string> CniTest::used_addresses() const {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry :
       std::filesystem::directory_iterator(folder_ / "ipam" / "testnet" / "used", none))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

bool CniTest::reaches(const Container* from, const Container* to, const std::string& address) {
  const auto where = [](const Container* container, const std::function<void()>& action) {
    container == nullptr ? action() : container->inside(action);
  };
  socklen_t length = 0;
  const sockaddr_storage target = socket_address(address, 7777, length);
  bpf::Fd server, client;
  where(to, [&] {
    server = bpf::Fd(::socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (::bind(server.get(), reinterpret_cast<const sockaddr*>(&target), length) != 0)
      throw std::runtime_error("cannot bind " + address);
  });
  where(from, [&] { client = bpf::Fd(::socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
  // There and back again.
  sockaddr_storage sender{};
  socklen_t sender_length = sizeof sender;
  char byte = 'x';
  if (::sendto(client.get(), &byte, 1, 0, reinterpret_cast<const sockaddr*>(&target), length) != 1)
    return false;
  pollfd waiting{server.get(), POLLIN, 0};
  if (::poll(&waiting, 1, kArrival) != 1) return false;
  if (::recvfrom(server.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&sender), &sender_length) !=
      1)
    return false;
  if (::sendto(server.get(), &byte, 1, 0, reinterpret_cast<const sockaddr*>(&sender),
               sender_length) != 1)
    return false;
  waiting.fd = client.get();
  return ::poll(&waiting, 1, kArrival) == 1;
}

}  // namespace policyc::testing
