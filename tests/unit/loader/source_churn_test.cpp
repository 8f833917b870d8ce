// A directory under constant change: no content is ever told that nobody completed, and what is
// known in the end is what is there.

#include <atomic>
#include <chrono>
#include <random>
#include <thread>

#include <fcntl.h>
#include <unistd.h>

#include "loader/source/directory.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/loader/source_view.h"

namespace policyc::testing {
namespace {

namespace fs = std::filesystem;

// Text that shows whether it is whole: its length, a body of one digit, an end mark.
std::string whole(int number, std::size_t size) {
  const std::string body(size, static_cast<char>('0' + number % 10));
  return std::to_string(size) + ":" + body + ".";
}
bool is_whole(const std::string& text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || !text.ends_with('.')) return false;
  const std::string body = text.substr(colon + 1, text.size() - colon - 2);
  return std::to_string(body.size()) == text.substr(0, colon) &&
         body.find_first_not_of(body.empty() ? '0' : body[0]) == std::string::npos;
}

// Writes in small pieces, as a slow editor does.
void write_slowly(const fs::path& path, const std::string& text) {
  const bpf::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return;  // its folder is gone
  for (std::size_t at = 0; at < text.size(); at += 7) {
    const std::string piece = text.substr(at, 7);
    ASSERT_EQ(::write(file.get(), piece.data(), piece.size()), static_cast<ssize_t>(piece.size()));
    std::this_thread::yield();
  }
}

std::map<std::string, std::string> content_of(const fs::path& root) {
  std::map<std::string, std::string> result;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string key = fs::relative(entry.path(), root);
    if (!entry.is_regular_file() || key.starts_with('.') || key.find("/.") != std::string::npos)
      continue;
    std::ifstream in(entry.path(), std::ios::binary);
    if (key.ends_with(".yaml")) result[key] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return result;
}

class SourceChurnTest : public ::testing::Test {
 protected:
  SourceChurnTest() {
    view_.on_put = [](const watch::Object& object) {
      EXPECT_TRUE(is_whole(object.content)) << object.key << ": " << object.content.substr(0, 100);
    };
  }
  void TearDown() override {
    EXPECT_TRUE(view_.until([&] { return view_.contents == content_of(folder_.path()); }))
        << view_.contents.size() << " known, " << content_of(folder_.path()).size() << " there";
  }

  TemporaryFolder folder_;
  watch::DirectorySource source_{{.directory = folder_.path()}};
  SourceView view_{source_};
};

TEST_F(SourceChurnTest, AWriterInSmallPiecesIsNeverSeenHalfWay) {
  std::atomic<bool> over = false;
  std::atomic<int> rounds = 0;
  std::thread writer([&] {
    for (int i = 0; !over; ++i) {
      write_slowly(folder_ / ("file" + std::to_string(i % 5) + ".yaml"),
                   whole(i, 500U + static_cast<std::size_t>(i % 97)));
      ++rounds;
    }
  });
  // Each start reads the directory anew, in the middle of writing.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  int starts = 0;
  while ((starts < 50 || rounds < 300) && std::chrono::steady_clock::now() < deadline) {
    ++starts;
    EXPECT_TRUE(source_.start(std::nullopt).has_value());
    EXPECT_TRUE(view_.until_synced());
    view_.take_all();
  }
  over = true;
  writer.join();
  EXPECT_GE(starts, 50);
  // Begun again last of all, so that what the view knows of earlier starts is of this one.
  view_.contents.clear();
  view_.unusable.clear();
  EXPECT_TRUE(source_.start(std::nullopt).has_value());
}

TEST_F(SourceChurnTest, ThousandsOfFilesComeAndChange) {
  constexpr int kFiles = 4000;
  const auto path = [&](int i) {
    return folder_ / ("d" + std::to_string(i % 40)) / ("f" + std::to_string(i) + ".yaml");
  };
  for (int i = 0; i < 40; ++i) fs::create_directory(folder_ / ("d" + std::to_string(i)));
  for (int i = 0; i < kFiles; ++i) write_whole(path(i), whole(i, 20));
  ASSERT_TRUE(source_.start(std::nullopt).has_value());
  ASSERT_TRUE(view_.until_synced());
  EXPECT_EQ(view_.contents.size(), static_cast<std::size_t>(kFiles));
  // More events than the kernel keeps (fs.inotify.max_queued_events), unread: all is read again.
  int queued = 0;
  std::ifstream("/proc/sys/fs/inotify/max_queued_events") >> queued;
  for (int i = 0; i < queued + kFiles; ++i) {
    const fs::path scratch = folder_ / "d0" / ("x" + std::to_string(i % 2));
    bpf::Fd(::open(scratch.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)).reset();
  }
  for (int i = 0; i < kFiles; i += 3) write_whole(path(i), whole(i + 1, 21));
  for (int i = 1; i < kFiles; i += 3) fs::remove(path(i));
  fs::create_directory(folder_ / "late");
  write_whole(folder_ / "late" / "a.yaml", whole(1, 1));
  fs::remove_all(folder_ / "d7");
  EXPECT_TRUE(view_.until_synced()) << "nothing was said of the break";
}

TEST_F(SourceChurnTest, WhatIsKnownInTheEndIsWhatIsThere) {
  ASSERT_TRUE(source_.start(std::nullopt).has_value());
  ASSERT_TRUE(view_.until_synced());
  std::atomic<bool> over = false;
  std::thread changer([&] {
    std::mt19937 dice(12345);
    const auto any = [&](unsigned n) { return static_cast<int>(dice() % n); };
    for (int i = 0; i < 3000; ++i) {
      std::error_code ignored;
      const fs::path folder = folder_ / ("d" + std::to_string(any(4)));
      const fs::path file = folder / ("f" + std::to_string(any(6)) + ".yaml");
      switch (any(8)) {
        case 0:
          fs::create_directories(folder, ignored);
          break;
        case 1:
          if (any(4) == 0) fs::remove_all(folder, ignored);
          break;
        case 2:
          fs::remove(file, ignored);
          break;
        case 3:
          fs::rename(file, folder_ / "d0" / file.filename(), ignored);
          break;
        case 4:
          if (any(4) == 0) fs::rename(folder, folder_ / ("d" + std::to_string(any(4))), ignored);
          break;
        case 5:
          fs::create_directories(folder, ignored);
          write_whole(folder / ".new", whole(i, 50));
          fs::rename(folder / ".new", file, ignored);
          break;
        default:
          fs::create_directories(folder, ignored);
          write_slowly(file, whole(i, static_cast<std::size_t>(any(300))));
      }
    }
    over = true;
  });
  EXPECT_TRUE(view_.until([&] { return over.load(); }));
  changer.join();
}

}  // namespace
}  // namespace policyc::testing
