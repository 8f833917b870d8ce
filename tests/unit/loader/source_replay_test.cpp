// Recordings: written from any source, read back as the same events, gone on with at a cursor.

#include "loader/source/directory.h"
#include "loader/source/recording.h"
#include "loader/source/replay.h"
#include "tests/support/temporary_folder.h"
#include "tests/unit/loader/source_view.h"

namespace policyc::testing {
namespace {

using watch::Event;
using watch::EventKind;
using watch::ReplaySource;

std::vector<Event> sample() {
  return {{.kind = EventKind::Put, .object = {"a.yaml", 7, "/etc/a.yaml", "x: \"1\"\n"}},
          {.kind = EventKind::Unusable,
           .object = {"b.yaml", 8, "/etc/b.yaml", ""},
           .error = "too large"},
          {.kind = EventKind::Synced, .object = {"", 9, "", ""}},
          {.kind = EventKind::Put, .object = {"bytes.yaml", 10, "b", std::string("\xff\0z", 3)}},
          {.kind = EventKind::Deleted, .object = {"a.yaml", 11, "", ""}}};
}

std::vector<Event> rest_of(ReplaySource& source) {
  std::vector<Event> events;
  while (true) {
    auto event = source.next();
    EXPECT_TRUE(event.has_value());
    if (!event || !*event) return events;
    events.push_back(**event);
  }
}

bool is_readable(int fd) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, 0) == 1;
}

TEST(Recording, EventsSurviveTheirText) {
  for (const Event& event : sample()) {
    const std::string line = watch::to_json_line(event);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto back = watch::parse_json_line(line);
    ASSERT_TRUE(back.has_value()) << line << ": " << back.error().message;
    EXPECT_EQ(*back, event) << line;
  }
}

TEST(Recording, WhatIsNoEventIsRefused) {
  for (const char* line :
       {"", "[]", "{}", R"({"kind":"moved","key":"a"})", R"({"kind":"put","key":"a"})",
        R"({"kind":"put","content":"x"})", R"({"kind":"put","key":1,"content":"x"})",
        R"({"kind":"put","key":"a","content_hex":"0g"})",
        R"({"kind":"put","key":"a","content_hex":"012"})", R"({"kind":"unusable","key":"a"})",
        R"({"kind":"deleted"})"}) {
    EXPECT_FALSE(watch::parse_json_line(line).has_value()) << line;
  }
}

TEST(Replay, TellsARecordingAndGoesOnAtACursor) {
  const TemporaryFolder folder;
  const auto file = folder / "events";
  std::string text;
  for (const Event& event : sample()) text += watch::to_json_line(event) + "\n\n";
  write_whole(file, text);
  ReplaySource source(file);
  const auto first = source.start(std::nullopt);
  ASSERT_TRUE(first.has_value()) << first.error().message;
  EXPECT_FALSE(*first);
  EXPECT_TRUE(is_readable(source.fd()));
  std::vector<watch::Cursor> cursors{source.cursor()};
  for (const Event& expected : sample()) {
    const auto event = source.next();
    ASSERT_TRUE(event.has_value() && event->has_value());
    EXPECT_EQ(**event, expected);
    cursors.push_back(source.cursor());
  }
  EXPECT_TRUE(rest_of(source).empty());
  EXPECT_FALSE(is_readable(source.fd()));

  for (std::size_t taken = 0; taken < cursors.size(); ++taken) {
    ReplaySource again(file);
    const auto resumed = again.start(cursors[taken]);
    ASSERT_TRUE(resumed.has_value());
    EXPECT_TRUE(*resumed) << cursors[taken].value;
    const std::vector<Event> all = sample();
    EXPECT_EQ(rest_of(again),
              std::vector<Event>(all.begin() + static_cast<std::ptrdiff_t>(taken), all.end()));
  }
  // Lines that have been added are what has changed since.
  write_whole(file, text + watch::to_json_line(sample()[0]));
  ReplaySource longer(file);
  EXPECT_TRUE(longer.start(cursors.back()).value());
  EXPECT_EQ(rest_of(longer), std::vector<Event>{sample()[0]});
  // Another recording is another world.
  write_whole(file, watch::to_json_line(sample()[4]) + "\n" + watch::to_json_line(sample()[0]));
  ReplaySource other(file);
  EXPECT_FALSE(other.start(cursors[2]).value());
  EXPECT_EQ(rest_of(other).size(), 2U);
}

TEST(Replay, ABadLineIsNamed) {
  const TemporaryFolder folder;
  write_whole(folder / "events", watch::to_json_line(sample()[0]) + "\n\nnonsense\n");
  ReplaySource source(folder / "events");
  const auto started = source.start(std::nullopt);
  ASSERT_FALSE(started.has_value());
  EXPECT_NE(started.error().message.find("events:3: is not a JSON object"), std::string::npos)
      << started.error().message;
  EXPECT_FALSE(ReplaySource(folder / "nothing").start(std::nullopt).has_value());
}

TEST(Recording, ADirectoryIsRecordedAndReplayed) {
  const TemporaryFolder folder, records;
  write_whole(folder / "a.yaml", "one");
  write_whole(folder / "b.yaml", "two");
  watch::DirectorySource directory({.directory = folder.path()});
  const auto count = watch::record(directory, records / "events", [](const Event& event) {
    return event.kind == EventKind::Synced;
  });
  ASSERT_TRUE(count.has_value()) << count.error().message;
  EXPECT_EQ(*count, 3U);
  ReplaySource source(records / "events");
  ASSERT_TRUE(source.start(std::nullopt).has_value());
  SourceView view(source);
  EXPECT_TRUE(view.until_synced());
  EXPECT_EQ(view.contents,
            (std::map<std::string, std::string>{{"a.yaml", "one"}, {"b.yaml", "two"}}));
}

}  // namespace
}  // namespace policyc::testing
