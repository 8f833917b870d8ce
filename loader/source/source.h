#pragma once
// Where desired state comes from: a directory of manifests, a recording; later the Kubernetes API
// and etcd. A source tells everything it has, says that it has, and then tells changes.

#include <cstdint>
#include <optional>
#include <string>

#include "compiler/support/result.h"

namespace policyc::watch {

// One unit that changes as a whole: a file, or an object of an API.
struct Object {
  std::string key;            // unique in its source, and stable: a path below the directory
  std::uint64_t version = 0;  // of two events of one key the later one's is larger
  std::string name;           // for messages: where a reader finds it
  std::string content;        // YAML or JSON documents
  friend bool operator==(const Object&, const Object&) = default;
};

enum class EventKind : std::uint8_t {
  Put,       // the object came or changed
  Deleted,   // it is gone; only its key and version are set
  Synced,    // everything that exists has been told; comes again after a break in the stream
  Unusable,  // the object is there and cannot be read (`error`); what it said before stays
};

struct Event {
  EventKind kind = EventKind::Put;
  Object object{};
  std::string error{};
  friend bool operator==(const Event&, const Event&) = default;
};

// Where a watch stands: the version of the last event that was taken. Opaque to its users.
struct Cursor {
  std::string value;
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // Begins. With a cursor of an earlier watch a source that can tell what has changed since tells
  // only that; any other one tells everything, and what is not told until Synced does not exist.
  // The return value says which: true when it resumed.
  [[nodiscard]] virtual Result<bool> start(const std::optional<Cursor>& after) = 0;
  // Becomes readable when next() may have something.
  [[nodiscard]] virtual int fd() const = 0;
  // The next event, without waiting; nothing when there is none now. An Error ends the watch:
  // start() begins again.
  [[nodiscard]] virtual Result<std::optional<Event>> next() = 0;
  [[nodiscard]] virtual Cursor cursor() const = 0;
};

}  // namespace policyc::watch
