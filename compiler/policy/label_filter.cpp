#include "compiler/policy/label_filter.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <sstream>
#include <unordered_map>
#include <vector>

#include <re2/re2.h>

namespace policyc::policy {
namespace {

// How a pattern of the default filter relates to the start of a key.
enum class Shape : std::uint8_t {
  Prefix,    // the key begins with the text
  Anything,  // the key begins with the text; whatever follows counts as matched too
  Contains,  // the text occurs anywhere; everything up to its last occurrence counts as matched
};

struct Pattern {
  bool keep;
  Shape shape;
  std::string_view text;
};

constexpr std::array kDefaultFilter = {
    Pattern{true, Shape::Prefix, "io.kubernetes.pod.namespace"},
    Pattern{true, Shape::Prefix, "io.cilium.k8s.namespace.labels"},
    Pattern{true, Shape::Prefix, "app.kubernetes.io"},
    Pattern{true, Shape::Prefix, "io.cilium.k8s.policy.cluster"},
    Pattern{true, Shape::Prefix, "io.cilium.k8s.policy.serviceaccount"},
    Pattern{false, Shape::Prefix, "io.kubernetes"},
    Pattern{false, Shape::Prefix, "kubernetes.io"},
    Pattern{false, Shape::Prefix, "statefulset.kubernetes.io/pod-name"},
    Pattern{false, Shape::Prefix, "apps.kubernetes.io/pod-index"},
    Pattern{false, Shape::Prefix, "batch.kubernetes.io/job-completion-index"},
    Pattern{false, Shape::Prefix, "batch.kubernetes.io/controller-uid"},
    Pattern{false, Shape::Contains, "beta.kubernetes.io"},
    Pattern{false, Shape::Prefix, "k8s.io"},
    Pattern{false, Shape::Prefix, "pod-template-generation"},
    Pattern{false, Shape::Prefix, "pod-template-hash"},
    Pattern{false, Shape::Prefix, "controller-revision-hash"},
    Pattern{false, Shape::Anything, "annotation"},
    Pattern{false, Shape::Prefix, "controller-uid"},
    Pattern{false, Shape::Prefix, "etcd_node"},
    Pattern{false, Shape::Prefix, "topology.kubernetes.io"},
};

// Length of the matched part of the key; 0 when the pattern does not match.
std::size_t matched_length(const Pattern& pattern, std::string_view key) {
  switch (pattern.shape) {
    case Shape::Prefix:
      return key.starts_with(pattern.text) ? pattern.text.size() : 0;
    case Shape::Anything:
      return key.starts_with(pattern.text) ? key.size() : 0;
    case Shape::Contains: {
      const std::size_t at = key.rfind(pattern.text);
      return at == std::string_view::npos ? 0 : at + pattern.text.size();
    }
  }
  return 0;
}

// The longest pattern that keeps competes with the shortest one that leaves out. One that matches
// nothing of a key makes those that leave it out and stand before it count for nothing.
void note(LabelFilter::Matched& matched, bool keep, std::size_t length) {
  if (keep) {
    matched.kept = std::max(matched.kept, length);
  } else {
    matched.dropped = matched.dropped == 0 ? length : std::min(matched.dropped, length);
  }
}

LabelFilter::Matched match_default(std::string_view key) {
  LabelFilter::Matched matched;
  for (const Pattern& pattern : kDefaultFilter) {
    const std::size_t length = matched_length(pattern, key);
    if (length != 0) note(matched, pattern.keep, length);
  }
  return matched;
}

}  // namespace

struct LabelFilter::Compiled {
  struct Written {
    bool keep = true;
    std::string source;  // empty: any
    std::unique_ptr<const RE2> regex;
  };
  std::vector<Written> patterns;
  bool names_what_is_kept = false;

  // Keys are few and asked for with each pod.
  static constexpr std::size_t kMostAnswers = 4096;
  std::shared_mutex mutex;
  std::unordered_map<std::string, bool> answers;  // of keeps_of_pod()
};

Result<LabelFilter> LabelFilter::parse(const std::string& text) {
  LabelFilter filter;
  auto compiled = std::make_shared<Compiled>();
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (!filter.text_.empty()) filter.text_ += ' ';
    filter.text_ += word;
    const auto bad = [&word](const std::string& why) { return fail("`" + word + "`: " + why); };
    Compiled::Written pattern;
    std::string_view regex = word;
    if (const std::size_t colon = word.find(':'); colon != std::string::npos) {
      pattern.source = word.substr(0, colon);
      regex.remove_prefix(colon + 1);
    }
    if (regex.empty()) return bad("a pattern without text");
    if (regex.front() == '!') {
      pattern.keep = false;
      regex.remove_prefix(1);
    }
    pattern.regex = std::make_unique<const RE2>(re2::StringPiece(regex.data(), regex.size()),
                                                RE2::CannedOptions::Quiet);
    if (!pattern.regex->ok()) return bad(pattern.regex->error());
    compiled->names_what_is_kept |= pattern.keep;
    compiled->patterns.push_back(std::move(pattern));
  }
  if (!compiled->patterns.empty()) filter.compiled_ = std::move(compiled);
  return filter;
}

bool LabelFilter::names_what_is_kept() const {
  return compiled_ != nullptr && compiled_->names_what_is_kept;
}

LabelFilter::Matched LabelFilter::match(std::string_view source, std::string_view key,
                                        Matched matched) const {
  if (compiled_ == nullptr) return matched;
  const re2::StringPiece whole(key.data(), key.size());
  for (const Compiled::Written& pattern : compiled_->patterns) {
    if (!pattern.source.empty() && pattern.source != source) continue;
    re2::StringPiece part;
    // The leftmost match counts, and only when it is at the start.
    if (pattern.regex->Match(whole, 0, whole.size(), RE2::UNANCHORED, &part, 1) &&
        part.data() == whole.data())
      note(matched, pattern.keep, part.size());
  }
  return matched;
}

bool LabelFilter::keeps(const Matched& matched) const {
  return (matched.dropped == 0 && !names_what_is_kept()) || matched.kept > matched.dropped;
}

bool LabelFilter::keeps(std::string_view source, std::string_view key) const {
  return keeps(match(source, key, {}));
}

bool LabelFilter::keeps_of_pod(std::string_view key) const {
  if (compiled_ == nullptr) return keeps(match_default(key));
  std::string name(key);
  {
    const std::shared_lock lock(compiled_->mutex);
    const auto found = compiled_->answers.find(name);
    if (found != compiled_->answers.end()) return found->second;
  }
  const bool kept = keeps(match("k8s", key, match_default(key)));
  const std::unique_lock lock(compiled_->mutex);
  if (compiled_->answers.size() < Compiled::kMostAnswers)
    compiled_->answers.emplace(std::move(name), kept);
  return kept;
}

}  // namespace policyc::policy
