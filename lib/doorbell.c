#include "doorbell.h"

struct tide_doorbell tide_doorbell;
