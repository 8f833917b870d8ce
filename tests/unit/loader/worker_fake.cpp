// A compiler process that misbehaves, in the way that the node's name of its configuration says:
//
//   crash           dies of what files say: CRASH-PUT when it reads them, CRASH-RESOLVE when it
//                   resolves with them, CRASH-COMPILE when it compiles after having read them
//   hang            the same words, and it does not come back
//   holds           dies of CRASH-PUT at once, with no answer to files that came together with it
//   silent          never answers
//   ends            ends at once
//   noise SEED      answers with random bytes
//   mutate SEED     answers with what the real one would say, some bytes of it changed
//   wrong N         the Nth of the replies below in the place of a resolution
//
// In all other ways it is the real one, outside of a sandbox.
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <loader/worker/worker.pb.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loader/worker/frame.h"
#include "loader/worker/process.h"
#include "loader/worker/spawn.h"
#include "tests/unit/loader/worker_wrong.h"

namespace {

using namespace policyc::worker;

constexpr int kAgent = kChildDescriptor;

// One thread reads a descriptor, from its first byte on.
Input& input_of(int fd) {
  static std::map<int, Input> inputs;
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  return inputs.try_emplace(fd, fd).first->second;
}

std::string read_frame(int fd) {
  Input& input = input_of(fd);
  char prefix[kLengthBytes];
  if (!input.read(prefix, kLengthBytes)) std::exit(0);
  std::string message(read_length(prefix), '\0');
  if (!input.read(message.data(), message.size())) std::exit(0);
  return message;
}

void write_frame(int fd, const std::string& message) {
  if (!write_whole(fd, length_prefix(message.size()) + message)) std::exit(0);
}

class Fake {
 public:
  int run() {
    const std::string first = read_frame(kAgent);
    wire::Request request;
    if (!request.ParseFromString(first)) return 1;
    std::istringstream words(request.configure().node_name());
    words >> mode_ >> number_;
    random_.seed(number_);
    if (mode_ == "ends") return 0;
    if (mode_ == "silent") pause_for_ever();
    if (mode_ == "noise") make_noise(request.id());
    start_real_one();
    asked_ = 1;
    write_frame(real_, first);
    while (true) {
      const std::string message = read_frame(kAgent);
      if (request.ParseFromString(message)) look_at(request);
      ++asked_;
      write_frame(real_, message);
    }
  }

 private:
  [[noreturn]] static void pause_for_ever() {
    while (true) ::pause();
  }

  void start_real_one() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) std::abort();
    real_ = ends[0];
    std::thread([end = ends[1]] {
      static Process process(end);
      std::_Exit(process.run());
    }).detach();
    std::thread([this] {
      while (true) pass_on(read_frame(real_));
    }).detach();
  }

  void pass_on(std::string message) {
    wire::Reply reply;
    if (mode_ == "holds" && reply.ParseFromString(message)) {
      const std::lock_guard lock(held_mutex_);
      if (held_.contains(reply.id())) return held_messages_.push_back(message);
      for (const std::string& one : std::exchange(held_messages_, {})) write_frame(kAgent, one);
    }
    if (mode_ == "wrong" && reply.ParseFromString(message) && reply.has_resolved()) {
      make_wrong(number_, reply);
      message = reply.SerializeAsString();
    }
    if (mode_ == "mutate") mutate(message);
    write_frame(kAgent, message);
    ++answered_;
  }

  std::size_t pick(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }

  void mutate(std::string& message) {
    // The first reply passes: the conversation goes on.
    if (replies_++ == 0 || message.empty() || pick(3) != 0) return;
    for (std::size_t times = 1 + pick(4); times > 0; --times) {
      switch (pick(4)) {
        case 0:
          message[pick(message.size())] = static_cast<char>(pick(256));
          break;
        case 1:
          message.resize(1 + pick(message.size()));
          break;
        case 2:
          message.insert(pick(message.size()), 1 + pick(4), static_cast<char>(pick(256)));
          break;
        default:
          message[pick(message.size())] ^= static_cast<char>(1U << pick(8));
      }
    }
  }

  [[noreturn]] void make_noise(std::uint64_t id) {
    wire::Reply reply;
    reply.set_id(id);
    write_frame(kAgent, reply.SerializeAsString());
    (void)read_frame(kAgent);
    while (true) {
      const bool framed = pick(2) == 0;
      // What is no frame may say that it is a long one, and then has to become it.
      std::string bytes(pick(framed ? 64 : 1U << 16), '\0');
      for (char& c : bytes) c = static_cast<char>(random_());
      if (framed) {
        write_frame(kAgent, bytes);
      } else if (!write_whole(kAgent, bytes)) {
        std::exit(0);
      }
    }
  }

  void die_of(const std::string& word) {
    for (const auto& [key, content] : files_) {
      if (!content.contains(word)) continue;
      while (answered_ != asked_) std::this_thread::yield();  // what was asked before is answered
      if (mode_ == "hang") pause_for_ever();
      std::signal(SIGSEGV, SIG_DFL);
      std::raise(SIGSEGV);
    }
  }

  void look_at(const wire::Request& request) {
    if (mode_ == "holds" && request.has_put_file()) {
      if (request.put_file().content().contains("CRASH-PUT")) {
        std::signal(SIGSEGV, SIG_DFL);
        std::raise(SIGSEGV);
      }
      const std::lock_guard lock(held_mutex_);
      if (input_of(kAgent).has_more()) held_.insert(request.id());
    }
    if (mode_ != "crash" && mode_ != "hang") return;
    if (request.has_put_file()) {
      files_[request.put_file().key()] = request.put_file().content();
      if (request.put_file().content().contains("CRASH-PUT")) die_of("CRASH-PUT");
    } else if (request.has_remove_file()) {
      files_.erase(request.remove_file().key());
    } else if (request.has_resolve()) {
      die_of("CRASH-RESOLVE");
    } else if (request.has_compile()) {
      die_of("CRASH-COMPILE");
    }
  }

  std::string mode_;
  unsigned number_ = 0;
  std::mt19937 random_;
  std::size_t replies_ = 0;
  std::atomic<std::size_t> asked_ = 0;
  std::atomic<std::size_t> answered_ = 0;
  int real_ = -1;
  std::map<std::string, std::string> files_;
  std::mutex held_mutex_;
  std::set<std::uint64_t> held_;  // what is not answered at once
  std::vector<std::string> held_messages_;
};

}  // namespace

int main() { return Fake().run(); }
