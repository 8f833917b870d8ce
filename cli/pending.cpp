#include "cli/command.h"
namespace policyc::cli {
#define PENDING(name) __attribute__((weak)) void name(CLI::App&, Context&) {}
PENDING(add_validate) PENDING(add_eval) PENDING(add_load) PENDING(add_unload) PENDING(add_status) PENDING(add_observe) PENDING(add_demo)
}
