#pragma once
// The log file of a plugin, which has no other place to say what went on.

#include <string>

#include "loader/cni/request.h"

namespace policyc::cni {

class Log {
 public:
  // Without a file it says nothing. What cannot be written is lost: a log does not fail a pod.
  Log(const Config& config, const Environment& environment);
  void debug(const std::string& message) const {
    if (debug_) write("debug", message);
  }
  void info(const std::string& message) const { write("info", message); }
  void warn(const std::string& message) const { write("warning", message); }

 private:
  void write(const char* level, const std::string& message) const;

  std::string path_, command_, container_, interface_;
  bool json_, debug_;
};

}  // namespace policyc::cni
