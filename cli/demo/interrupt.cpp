#include "cli/demo/interrupt.h"

#include <cerrno>
#include <csignal>
#include <cstring>

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace policyc::demo {
namespace {

sigset_t handled_signals() {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&signals, signal);
  return signals;
}

}  // namespace

Result<Interrupt> Interrupt::install() {
  const sigset_t signals = handled_signals();
  bpf::Fd fd(::signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd.valid()) return fail(std::string("signalfd: ") + std::strerror(errno));
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return Interrupt(std::move(fd));
}

Interrupt::~Interrupt() {
  if (!fd_.valid()) return;
  const sigset_t signals = handled_signals();
  // Signals that came meanwhile have done their work: the demo is over.
  static_cast<void>(signal());
  const timespec none{};
  while (::sigtimedwait(&signals, nullptr, &none) > 0) {
  }
  ::pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

int Interrupt::signal() {
  signalfd_siginfo info{};
  if (signal_ == 0 &&
      ::read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
    signal_ = static_cast<int>(info.ssi_signo);
  }
  return signal_;
}

bool Interrupt::sleep(int milliseconds) {
  if (requested()) return false;
  pollfd wait{fd_.get(), POLLIN, 0};
  static_cast<void>(::poll(&wait, 1, milliseconds));
  return !requested();
}

}  // namespace policyc::demo
