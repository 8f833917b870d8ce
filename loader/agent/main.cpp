#include "loader/agent/run.h"

int main(int argc, char** argv) {
  return policyc::agent::run(std::vector<std::string>(argv + 1, argv + argc));
}
