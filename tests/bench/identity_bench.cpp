// The partition of identities into peer classes: what one identity or predicate more or less costs.
// Usage: identity_bench [IDENTITIES]
#include <chrono>
#include <iostream>
#include <string>
#include <vector>

#include "compiler/identity/partition.h"
#include "tests/bench/report.h"

namespace {

using namespace policyc;
using identity::IdentityId;
using identity::Partition;

constexpr std::size_t kApps = 2500;
constexpr std::size_t kNamespaces = 40;
constexpr std::size_t kRounds = 21;

std::string number(std::size_t value) { return std::to_string(value); }

// Labels as a pod of a cluster has them, and one that only this pod has.
policy::LabelSet pod(std::size_t i) {
  policy::LabelSet labels;
  labels.add({"k8s", "app.kubernetes.io/name", "app" + number(i % kApps)});
  labels.add({"k8s", "tier", i % 3 == 0 ? "front" : "back"});
  labels.add({"k8s", "version", "v" + number(i % 7)});
  labels.add({"k8s", "statefulset.kubernetes.io/pod-name", "pod-" + number(i)});
  labels.add({"k8s", "io.kubernetes.pod.namespace", "ns" + number(i % kNamespaces)});
  labels.add({"k8s", "io.cilium.k8s.policy.serviceaccount", "default"});
  labels.add({"k8s", "io.cilium.k8s.policy.cluster", "default"});
  labels.add({"k8s", "io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name",
              "ns" + number(i % kNamespaces)});
  return labels;
}

policy::Selector parsed(const std::string& text) { return policy::parse_selector(text).value(); }

// Three of four ask for an application in a namespace, as a namespaced policy does; the others for
// a tier, for prefixes with an exception, for what is not somewhere.
policy::Predicate predicate(std::size_t i) {
  const std::string scope =
      "k8s:io.cilium.k8s.policy.cluster=default&k8s:io.kubernetes.pod.namespace=ns" +
      number(i % kNamespaces);
  switch (i % 12) {
    case 3:
      return {{parsed("any:tier=front&" + scope + "&k8s:version=v" + number(i / 12 % 7))}};
    case 6:
      return policy::Predicate({parsed("cidr:10." + number(i / 12 % 250) + ".0.0/16&!cidr:10." +
                                       number(i / 12 % 250) + "." + number(i / 3000) + ".0/24"),
                                parsed("cidr:192.0." + number(i % 250) + ".0/24")});
    case 9:
      return {{parsed("any:app.kubernetes.io/name!=app" + number(i % kApps) + "&" + scope)}};
    default:
      return {{parsed("any:app.kubernetes.io/name=app" + number(i % kApps) + "&" + scope)}};
  }
}

double microseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

template <class Work>
double timed(Work work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return microseconds(std::chrono::steady_clock::now() - start);
}

[[noreturn]] void give_up(const Error& error) {
  std::cerr << error.message << "\n";
  std::exit(1);
}

template <class T>
T checked(Result<T> result) {
  if (!result) give_up(result.error());
  return std::move(*result);
}

Partition filled(std::size_t identities, std::size_t predicates) {
  Partition partition;
  for (std::size_t i = 0; i < predicates; ++i) checked(partition.add_predicate(predicate(i)));
  for (std::size_t i = 0; i < identities; ++i) {
    checked(partition.add_identity(static_cast<IdentityId>(i + 1), pod(i)));
  }
  return partition;
}

// Identities that come and go and answer the predicates as known ones do.
void identities_come_and_go(Partition& partition, const std::vector<policy::LabelSet>& labels,
                            const std::string& with) {
  std::vector<double> add;
  std::vector<double> remove;
  std::size_t new_classes = 0;
  for (std::size_t round = 0; round < kRounds; ++round) {
    add.push_back(timed([&] {
                    for (std::size_t i = 0; i < labels.size(); ++i) {
                      const auto change = checked(partition.add_identity(
                          static_cast<IdentityId>(1'000'000 + i), labels[i]));
                      new_classes += change.created.size();
                    }
                  }) /
                  static_cast<double>(labels.size()));
    remove.push_back(timed([&] {
                       for (std::size_t i = 0; i < labels.size(); ++i) {
                         const auto change =
                             partition.remove_identity(static_cast<IdentityId>(1'000'000 + i));
                         partition.release(change.retired);
                       }
                     }) /
                     static_cast<double>(labels.size()));
  }
  if (new_classes != 0) give_up({"known labels made a new class"});
  bench::report("add an identity, " + with, add, "us");
  bench::report("remove an identity, " + with, remove, "us");
}

// The labels of known pods, but for the pod's name, which no predicate asks for.
std::vector<policy::LabelSet> new_pods(std::size_t identities) {
  std::vector<policy::LabelSet> result;
  for (std::size_t i = 0; i < 200; ++i) {
    policy::LabelSet labels = pod(i * 37 % identities);
    labels.set({"k8s", "statefulset.kubernetes.io/pod-name", "new-" + number(i)});
    result.push_back(std::move(labels));
  }
  return result;
}

// Addresses inside ten_thousand_prefixes().
std::vector<policy::LabelSet> new_addresses() {
  std::vector<policy::LabelSet> result;
  for (std::size_t i = 0; i < 200; ++i) {
    policy::LabelSet labels;
    labels.add({"cidr", "172." + number(i % 40) + "." + number(i) + ".7/32", ""});
    labels.add({"reserved", "world", ""});
    result.push_back(std::move(labels));
  }
  return result;
}

void predicate_comes_and_goes(Partition& partition, const policy::Predicate& asked,
                              const std::string& what) {
  std::vector<double> add;
  std::vector<double> remove;
  for (std::size_t round = 0; round < kRounds; ++round) {
    identity::AddedPredicate added;
    add.push_back(timed([&] { added = checked(partition.add_predicate(asked)); }));
    identity::Change change;
    remove.push_back(timed([&] { change = partition.remove_predicate(added.id); }));
    partition.release(change.retired);
  }
  bench::report("add predicate, " + what, add, "us");
  bench::report("remove predicate, " + what, remove, "us");
}

policy::Predicate ten_thousand_prefixes() {
  policy::Predicate result;
  for (std::size_t i = 0; i < 10'000; ++i) {
    result.selectors.push_back(
        parsed("cidr:172." + number(i / 250) + "." + number(i % 250) + ".0/24"));
  }
  return result;
}

void run(std::size_t identities) {
  for (const std::size_t predicates : {1UL, 60UL, 500UL, 5000UL}) {
    Partition partition = filled(identities, predicates);
    const std::string with =
        number(predicates) + " predicates and " + number(identities) + " identities";
    std::cout << with << ": " << partition.class_count() << " classes\n";
    identities_come_and_go(partition, new_pods(identities), with);
    if (predicates != 500 && predicates != 5000) continue;
    predicate_comes_and_goes(partition,
                             {{parsed("any:app.kubernetes.io/name=app77&k8s:version=v3")}},
                             "one application, " + with);
    predicate_comes_and_goes(partition, {{parsed("any:version=v3")}},
                             "a seventh of the identities, " + with);
    predicate_comes_and_goes(partition, {{parsed("!any:tier")}}, "no positive part, " + with);
    predicate_comes_and_goes(partition, ten_thousand_prefixes(), "10,000 prefixes, " + with);
    bench::report("memory of an identity and its share of classes, " + with,
                  {static_cast<double>(partition.identity_bytes()) /
                   static_cast<double>(partition.identity_count())},
                  "bytes");
  }
  Partition prefixes;
  checked(prefixes.add_predicate(ten_thousand_prefixes()));
  checked(prefixes.add_identity(1, new_addresses().front()));
  identities_come_and_go(prefixes, new_addresses(), "one predicate of 10,000 prefixes");
}

}  // namespace

int main(int argc, char** argv) {
  run(argc > 1 ? std::stoul(argv[1]) : 10'000);
  return 0;
}
