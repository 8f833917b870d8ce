#include "tests/kernel/fuzz/generate.h"

#include <algorithm>

#include "tests/kernel/fuzz/duel.h"
#include "tests/kernel/fuzz/frames.h"
#include "tests/kernel/fuzz/mutate.h"

namespace policyc::packet_fuzz {
namespace {

constexpr std::uint64_t kNear = 3;  // seconds

// May so much time pass without a connection coming near its end?
bool may_age(const reference::Model& model, std::uint64_t seconds) {
  const std::uint64_t then = model.now() + seconds;
  return std::all_of(model.connections().begin(), model.connections().end(),
                     [&](const auto& entry) {
                       const std::uint64_t end = entry.second.expires;
                       return end + kNear < then || end > then + kNear;
                     });
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : dice_(seed), reference_({}) {}

  Sequence operator()() {
    settings_ = {.policy = dice_.pick(std::vector{Policy::Matrix, Policy::Matrix, Policy::Matrix,
                                                  Policy::AllowAll, Policy::DenyAll}),
                 .audit = dice_.one_in(6),
                 .extended = dice_.one_in(2),
                 .prefixes4 = dice_.one_in(2),
                 .prefixes6 = dice_.one_in(2)};
    calm_ = dice_.one_in(3);
    add(settings_);
    for (std::size_t count = 1 + dice_.below(3); count > 0; --count)
      conversations_.push_back(draw_conversation(dice_));
    for (std::size_t count = 4 + dice_.below(12); count > 0; --count) {
      if (dice_.one_in(calm_ ? 2 : 6)) add_change();
      add_packet();
    }
    for (const Conversation& conversation : conversations_) probe(conversation);
    return std::move(sequence_);
  }

 private:
  void add(Step step) {
    reference_.play(step);
    sequence_.push_back(std::move(step));
  }

  // Undamaged: without such there is no connection to speak of.
  Frame usual_frame(const Conversation& conversation) {
    const Hook first = conversation.first.hook;
    const Hook hook = dice_.one_in(3) ? kernel_test::opposite(first) : first;
    if (dice_.one_in(6)) return plain_fragment(conversation, hook, dice_.one_in(2));
    return plain_frame(conversation, hook, dice_.pick(kUsualFlags));
  }

  void add_packet() {
    const Conversation& conversation = dice_.pick(conversations_);
    const Packet* last = std::get_if<Packet>(&sequence_.back());
    Frame frame = calm_ || dice_.one_in(3) ? usual_frame(conversation)
                  : last != nullptr && dice_.one_in(16)
                      ? Frame{.hook = last->hook, .bytes = last->frame, .gso = last->gso}
                      : draw_frame(dice_, conversation);
    if (!calm_ && dice_.one_in(3)) mutate(dice_, frame.bytes);
    if (!test_run_takes(frame.bytes)) return;
    add(Packet{.hook = frame.hook, .frame = std::move(frame.bytes), .gso = frame.gso});
  }

  void add_change() {
    switch (dice_.below(7)) {
      case 0:
      case 1:
      case 2: {
        const Age age{
            dice_.pick(std::vector<std::uint64_t>{6, 6, 6, 8, 8, 20, 40, 40, 66, 4000, 8006})};
        if (may_age(reference_.model(), age.seconds)) add(age);
        return;
      }
      case 3: {
        const Conversation& conversation = dice_.pick(conversations_);
        if (std::none_of(peers().begin(), peers().end(),
                         [&](const Peer& peer) { return conversation.peer == peer.address; }))
          return;
        add(PeerClass{conversation.peer, static_cast<std::uint32_t>(dice_.below(10))});
        if (dice_.one_in(2)) raise_epoch();
        return;
      }
      case 4:
        settings_.audit = !settings_.audit;
        add(settings_);
        return;
      case 5:
        settings_.policy =
            dice_.pick(std::vector{Policy::Matrix, Policy::AllowAll, Policy::DenyAll});
        return raise_epoch();
      default:
        settings_.extended = !settings_.extended;
        return raise_epoch();
    }
  }

  void raise_epoch() {
    ++settings_.epoch;
    add(settings_);
  }

  // What the tables hold shows in what passes.
  void probe(const Conversation& conversation) {
    for (const Hook hook :
         {kernel_test::opposite(conversation.first.hook), conversation.first.hook}) {
      Frame frame = plain_frame(conversation, hook, kernel_test::kAck);
      add(Packet{.hook = frame.hook, .frame = std::move(frame.bytes)});
    }
  }

  const std::vector<std::uint8_t> kUsualFlags{
      kernel_test::kSyn, kernel_test::kAck, kernel_test::kSyn | kernel_test::kAck,
      kernel_test::kFin | kernel_test::kAck, kernel_test::kRst};
  Dice dice_;
  Reference reference_;
  Settings settings_;
  bool calm_ = false;  // nothing damaged, much time and change
  std::vector<Conversation> conversations_;
  Sequence sequence_;
};

}  // namespace

Sequence generate(std::uint64_t seed) { return Generator(seed)(); }

}  // namespace policyc::packet_fuzz
