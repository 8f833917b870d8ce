#pragma once
// The addresses of one network that are taken, on disk, for processes that come and go.
//
//   lock            flock(2), held for each operation
//   attachments/X   one file for each owner: who it is, which addresses it has
//   used/ADDRESS    a hard link to the file of the owner who has it
//   last-SUBNET     the address that was given last
//   pending         a file on its way to attachments/ or away from there
//
// An operation moves one file through `pending`: allocate writes it there, links its addresses and
// renames it to attachments/; release renames it to `pending`, unlinks the addresses and then it.
// Whoever takes the lock and finds `pending` finishes the undoing, so a process that dies at any
// step leaks nothing. Nothing is flushed: what the files describe does not outlive the kernel.
// Each operation costs the same whatever the number of addresses, but for a pool that is nearly
// full, whose used addresses are listed once.

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "compiler/support/result.h"
#include "loader/bpf/fd.h"
#include "loader/ipam/range.h"
#include "loader/ipam/record.h"

namespace policyc::ipam {

// An address that was given, and the range that it is from.
struct Given {
  IpAddress address;
  IpPrefix subnet;
  std::optional<IpAddress> gateway;
  friend bool operator==(const Given&, const Given&) = default;
};

class Store {
 public:
  // Told the name of each step after it, for tests that die there.
  using Progress = std::function<void(std::string_view step)>;

  // Makes the directory and those above it when missing.
  [[nodiscard]] static Result<Store> open(std::filesystem::path directory, Progress progress = {});

  // One address of each set, in their order, all or none. An owner that has addresses gets the same
  // ones; when they are not of these sets any more, others in their place. The address that was
  // freed last is given last. An Error says which ranges are exhausted.
  [[nodiscard]] Result<std::vector<Given>> allocate(const Owner& owner,
                                                    const std::vector<RangeSet>& sets);
  // An Error when a new owner would get none.
  [[nodiscard]] Result<void> check_room(const std::vector<RangeSet>& sets);
  // Whether it had any.
  [[nodiscard]] Result<bool> release(const Owner& owner);
  [[nodiscard]] Result<std::optional<Attachment>> find(const Owner& owner);
  // In no order.
  [[nodiscard]] Result<std::vector<Attachment>> list();
  // Releases those whose owner is not valid; returns them. Also removes files that are not
  // understood, and their addresses: nobody can release them otherwise.
  [[nodiscard]] Result<std::vector<Attachment>> collect(const std::set<Owner>& valid);

 private:
  Store(std::filesystem::path directory, Progress progress)
      : directory_(std::move(directory)), progress_(std::move(progress)) {}

  void step(std::string_view name) const {
    if (progress_) progress_(name);
  }
  // Waits for others; finishes what a dead one left.
  [[nodiscard]] Result<bpf::Fd> lock() const;
  [[nodiscard]] Result<void> undo_pending() const;
  [[nodiscard]] Result<void> release_file(const std::filesystem::path& file) const;
  [[nodiscard]] Result<std::optional<Attachment>> find_locked(const Owner& owner) const;
  // A free one; none is taken.
  [[nodiscard]] Result<Given> look_for(const RangeSet& set) const;
  [[nodiscard]] Result<Given> choose(const RangeSet& set) const;
  [[nodiscard]] Result<void> keep(const Attachment& attachment) const;

  std::filesystem::path directory_;
  Progress progress_;
};

}  // namespace policyc::ipam
