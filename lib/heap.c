#include "heap.h"

struct tide_heap tide_heap_default;
