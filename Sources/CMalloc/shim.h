// Swift's own module of the C library leaves out how its allocator is set.
#pragma once
#include <malloc.h>
