#pragma once

#include <cstdio>
#include <cstdlib>

// Aborts with file and line when an invariant of ours is broken; never used for input from outside.
#define POLICYC_CHECK(condition)                                                                 \
  (static_cast<bool>(condition)                                                                  \
       ? static_cast<void>(0)                                                                    \
       : (std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition), \
          std::abort()))
