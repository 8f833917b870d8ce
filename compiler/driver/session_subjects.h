#pragma once
// Subjects of a session: endpoints that no policy can tell apart, and the shape of each, kept until
// a policy that selects it, or selected it, changes. Internal to compiler/driver.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "compiler/driver/quoted_lines.h"
#include "compiler/driver/session_policies.h"
#include "compiler/ir/builder.h"
#include "compiler/ir/shape.h"
#include "compiler/policy/labels.h"
#include "compiler/policy/options.h"

namespace policyc::driver {

// All that compiling needs.
struct SessionShape {
  std::string key;
  ir::Shape shape;
  QuotedLines quoted;
};

struct SubjectResult {
  std::shared_ptr<const SessionShape> shape;  // none: `error`
  std::string error;
  std::string diagnostics;      // warnings and errors, as text
  std::set<std::string> files;  // keys of those whose policies make the error
};

// What every subject's policy may depend on besides the policies.
struct SubjectWorld {
  const policy::Cluster& cluster;
  const source::SourceMap& sources;
  const std::vector<source::FileId>& files;     // of `sources` that count, by key
  const std::vector<const PolicyPart*>& parts;  // in order
  const std::function<const std::vector<policy::LabelSet>&()>& peers;  // as PeerRows has them
  std::size_t max_rows;
};

class SessionSubjects {
 public:
  explicit SessionSubjects(const policy::Options& options) : options_(options) {}

  struct Endpoint {
    std::string name;  // for messages
    policy::LabelSet labels;
    std::string namespace_;
    policy::EndpointKind kind = policy::EndpointKind::Pod;
    std::vector<policy::NamedPort> ports;
  };
  struct Subject {
    Endpoint endpoint;
    std::vector<const PolicyPart*> selected;  // in order
    bool current = false;                     // `result` is
    std::uint64_t used = 0;                   // in that resolution
    std::shared_ptr<const SubjectResult> result;
  };

  // Takes over a change of policies, while what is gone can still be looked at.
  void follow(const SessionPolicies::Change& change);
  // Every subject's shape is made anew: what all depend on has changed.
  void forget() {
    for (auto& [key, subject] : subjects_) subject.current = false;
  }
  // The same for those whose form may depend on how many peers exist. Whether there are any.
  bool forget_forms(std::size_t max_rows);

  // Between begin() and end(): the subject of an endpoint, its shape made if need be. What is not
  // asked for until end() is forgotten.
  void begin() { ++resolution_; }
  const Subject& ensure(Endpoint endpoint, const SubjectWorld& world);
  void end();

 private:
  // What the shape of a subject is made from; equal keys within one resolution give equal shapes.
  struct BuildKey {
    std::vector<const policy::Entry*> entries;  // that apply
    std::string subject;
    friend auto operator<=>(const BuildKey&, const BuildKey&) = default;
  };
  [[nodiscard]] std::shared_ptr<const SubjectResult> build(const Subject& subject,
                                                           const SubjectWorld& world);
  [[nodiscard]] SubjectResult make(const ir::Subject& subject, const Subject& whose,
                                   const std::vector<const policy::Entry*>& entries,
                                   const SubjectWorld& world);

  const policy::Options& options_;
  std::map<std::string, Subject> subjects_;                         // by subject_key()
  std::map<BuildKey, std::shared_ptr<const SubjectResult>> built_;  // in this resolution
  std::map<std::string, std::weak_ptr<const SessionShape>> shapes_;
  std::uint64_t resolution_ = 0;
};

}  // namespace policyc::driver
