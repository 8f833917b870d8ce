#pragma once
// What SARIF 2.1.0 (OASIS) asks of the parts that policyc writes: types, required properties,
// values, and no property that the specification does not have.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace policyc::testing {

class SarifCheck {
 public:
  using Json = nlohmann::json;
  using Test = std::function<void(SarifCheck&, const Json&, const std::string&)>;
  struct Property {
    bool required;
    Test test;
  };
  using Properties = std::map<std::string, Property>;

  std::vector<std::string> mistakes;

  void fail(const std::string& path, const std::string& what) {
    mistakes.push_back(path + ": " + what);
  }

  void object(const Json& json, const std::string& path, const Properties& properties) {
    if (!json.is_object()) return fail(path, "no object");
    for (const auto& [key, value] : json.items()) {
      const auto known = properties.find(key);
      if (known == properties.end()) {
        fail(path, "property `" + key + "` is not in the specification");
      } else {
        known->second.test(*this, value, path + "/" + key);
      }
    }
    for (const auto& [key, property] : properties) {
      if (property.required && !json.contains(key)) fail(path, "no `" + key + "`");
    }
  }

  static Test text() {
    return [](SarifCheck& check, const Json& json, const std::string& path) {
      if (!json.is_string() || json.get<std::string>().empty()) check.fail(path, "no text");
    };
  }
  static Test one_of(std::set<std::string> words) {
    return [words](SarifCheck& check, const Json& json, const std::string& path) {
      if (!json.is_string() || !words.contains(json.get<std::string>()))
        check.fail(path, "not a value of it");
    };
  }
  static Test number(int least) {
    return [least](SarifCheck& check, const Json& json, const std::string& path) {
      if (!json.is_number_integer() || json.get<long>() < least) check.fail(path, "no such number");
    };
  }
  static Test any() {
    return [](SarifCheck&, const Json&, const std::string&) {};
  }
  static Test bag() {
    return [](SarifCheck& check, const Json& json, const std::string& path) {
      if (!json.is_object()) check.fail(path, "no property bag");
    };
  }
  static Test texts() {
    return [](SarifCheck& check, const Json& json, const std::string& path) {
      if (!json.is_object()) return check.fail(path, "no object");
      for (const auto& [key, value] : json.items()) text()(check, value, path + "/" + key);
    };
  }
  static Test of(Properties properties) {
    return [properties](SarifCheck& check, const Json& json, const std::string& path) {
      check.object(json, path, properties);
    };
  }
  static Test list(Test test, std::size_t least = 0) {
    return [test, least](SarifCheck& check, const Json& json, const std::string& path) {
      if (!json.is_array() || json.size() < least) return check.fail(path, "no such list");
      for (std::size_t i = 0; i < json.size(); ++i)
        test(check, json[i], path + "/" + std::to_string(i));
    };
  }
};

inline std::vector<std::string> sarif_mistakes(const nlohmann::json& json) {
  using C = SarifCheck;
  const auto message = C::of({{"text", {true, C::text()}}, {"markdown", {false, C::text()}}});
  const auto level = C::one_of({"none", "note", "warning", "error"});
  const auto region = C::of({{"startLine", {true, C::number(1)}},
                             {"startColumn", {false, C::number(1)}},
                             {"endLine", {false, C::number(1)}},
                             {"endColumn", {false, C::number(1)}}});
  const auto artifact = C::of({{"uri", {true, C::text()}}, {"uriBaseId", {false, C::text()}}});
  const auto physical =
      C::of({{"artifactLocation", {true, artifact}}, {"region", {false, region}}});
  const auto location = C::of({{"id", {false, C::number(0)}},
                               {"physicalLocation", {false, physical}},
                               {"message", {false, message}}});
  const auto replacement =
      C::of({{"deletedRegion", {true, region}},
             {"insertedContent", {false, C::of({{"text", {false, C::any()}}})}}});
  const auto change = C::of(
      {{"artifactLocation", {true, artifact}}, {"replacements", {true, C::list(replacement, 1)}}});
  const auto fix =
      C::of({{"description", {false, message}}, {"artifactChanges", {true, C::list(change, 1)}}});
  const auto suppression = C::of({{"kind", {true, C::one_of({"inSource", "external"})}},
                                  {"justification", {false, C::any()}}});
  const auto result = C::of({{"ruleId", {true, C::text()}},
                             {"ruleIndex", {false, C::number(0)}},
                             {"level", {false, level}},
                             {"message", {true, message}},
                             {"locations", {false, C::list(location)}},
                             {"partialFingerprints", {false, C::texts()}},
                             {"relatedLocations", {false, C::list(location)}},
                             {"fixes", {false, C::list(fix)}},
                             {"suppressions", {false, C::list(suppression)}}});
  const auto rule = C::of({{"id", {true, C::text()}},
                           {"name", {false, C::text()}},
                           {"shortDescription", {false, message}},
                           {"fullDescription", {false, message}},
                           {"help", {false, message}},
                           {"defaultConfiguration", {false, C::of({{"level", {false, level}}})}},
                           {"properties", {false, C::bag()}}});
  const auto driver = C::of({{"name", {true, C::text()}},
                             {"semanticVersion", {false, C::text()}},
                             {"informationUri", {false, C::text()}},
                             {"rules", {false, C::list(rule)}}});
  const auto run =
      C::of({{"tool", {true, C::of({{"driver", {true, driver}}})}},
             {"automationDetails", {false, C::of({{"id", {false, C::text()}}})}},
             {"columnKind", {false, C::one_of({"utf16CodeUnits", "unicodeCodePoints"})}},
             {"results", {false, C::list(result)}}});
  SarifCheck check;
  check.object(json, "",
               {{"$schema", {false, C::text()}},
                {"version", {true, C::one_of({"2.1.0"})}},
                {"runs", {true, C::list(run)}}});
  if (!check.mistakes.empty()) return check.mistakes;
  for (const auto& one : json["runs"]) {
    const auto& rules = one["tool"]["driver"]["rules"];
    for (const auto& each : one["results"]) {
      if (!each.contains("ruleIndex")) continue;
      const std::size_t index = each["ruleIndex"];
      if (index >= rules.size() || rules[index]["id"] != each["ruleId"])
        check.fail("results", "`ruleIndex` names another rule");
    }
  }
  return check.mistakes;
}

}  // namespace policyc::testing
