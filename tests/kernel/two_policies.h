#pragma once
// One loaded datapath for a whole suite of tables, with a policy that allows everything and one
// that denies everything. Going from one to the other does not raise the epoch, so what was asked
// before is not asked again.

#include <memory>

#include "tests/kernel/ageing.h"
#include "tests/kernel/flow.h"

namespace policyc::kernel_test {

class TwoPolicies : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    datapath_ = Datapath::ready(Policy::AllowAll);
    datapath_->add_policy(Policy::DenyAll, kSlot + 1);
  }
  static void TearDownTestSuite() { datapath_.reset(); }
  void SetUp() override { reset(); }

  // Nothing is known, everything is allowed, other protocols too.
  static void reset() {
    forget_everything(*datapath_);
    datapath_->set_config(NODE_EXTENDED_PROTOCOLS);
    allow();
  }
  static void allow() { datapath_->set_endpoint(0, kSlot); }
  static void deny() { datapath_->set_endpoint(0, kSlot + 1); }

  static inline std::unique_ptr<Datapath> datapath_;
};

}  // namespace policyc::kernel_test
