#include <memory>
#include <ostream>

#include "cli/command.h"
#include "compiler/backend/backend.h"
#include "compiler/driver/inputs.h"
#include "compiler/ir/printer.h"
#include "compiler/ir/shape.h"

namespace policyc::cli {
namespace {

int inspect(const std::string& path, bool json, Context& context) {
  const auto bytes = driver::read_file(path);
  if (!bytes) {
    context.err << "policyc: " << bytes.error().message << "\n";
    return kUnreadable;
  }
  const backend::Bytes object(bytes->begin(), bytes->end());
  const auto meta = backend::read_section(object, ir::kMetaSection);
  const auto info = backend::inspect(object);
  if (!meta || !info) {
    context.err << "policyc: " << path << ": "
                << (meta ? info.error().message : meta.error().message) << "\n";
    return kFindings;
  }
  const std::string text(meta->begin(), meta->end());
  const auto shape = ir::shape_from_json(text);
  if (!shape) {
    context.err << "policyc: " << path << ": " << shape.error().message << "\n";
    return kFindings;
  }
  if (json) {
    context.out << text << "\n";
    return kSuccess;
  }
  context.out << "subject      " << shape->subject << "\npolicy hash  " << shape->hash
              << "\nABI version  " << shape->abi_version << "\n\n";
  ir::EndpointPolicy policy;
  policy.subject = shape->subject;
  policy.predicates = shape->predicates;
  for (std::size_t direction = 0; direction < 2; ++direction) {
    const auto& part = shape->directions[direction];
    policy.directions[direction].enforced = part.enforced;
    policy.directions[direction].default_deny = part.default_deny;
    policy.directions[direction].rules = part.rules;
    policy.directions[direction].default_deny_origins = part.default_deny_origins;
  }
  context.out << ir::print(policy) << "\n";
  for (const auto& function : info->functions) {
    context.out << "function " << function.name << " (" << function.section
                << "): " << function.instructions << " instructions\n";
  }
  for (const auto& map : info->maps) context.out << "map " << map.name << "\n";
  context.out << info->instructions << " instructions, " << object.size() << " bytes, BTF "
              << (info->has_btf ? "yes" : "no") << "\n";
  return kSuccess;
}

}  // namespace

void add_inspect(CLI::App& app, Context& context) {
  struct Arguments {
    std::string object;
    std::string output = "text";
  };
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("inspect", "Print what a compiled object carries");
  command->add_option("object", arguments->object, "An object written by `policyc compile -o`")
      ->required();
  command->add_option("-o,--output", arguments->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}));
  command->callback([arguments, &context] {
    context.exit_code = inspect(arguments->object, arguments->output == "json", context);
  });
}

}  // namespace policyc::cli
