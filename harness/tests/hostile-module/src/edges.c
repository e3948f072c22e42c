/* Makes of gcc's call for each block what clang's code has for each edge: a guard (-DGUARDS) or a counter of eight
 * bits. It is built without the instrumentation that it receives. */
#include <stdint.h>

/* Room for all blocks of the module. */
#define MOST 4096

static uintptr_t blocks[MOST];

#ifdef GUARDS
extern void __sanitizer_cov_trace_pc_guard_init(uint32_t *start, uint32_t *stop);
extern void __sanitizer_cov_trace_pc_guard(uint32_t *guard);
static uint32_t guards[MOST];
#else
extern void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
static uint8_t counters[MOST];
#endif

__attribute__((constructor(101))) static void tell(void)
{
#ifdef GUARDS
    __sanitizer_cov_trace_pc_guard_init(guards, guards + MOST);
    /* Every part of a library says it, and some say it twice. */
    __sanitizer_cov_trace_pc_guard_init(guards, guards + MOST);
#else
    __sanitizer_cov_8bit_counters_init(counters, counters + MOST);
    __sanitizer_cov_8bit_counters_init(counters, counters + MOST);
#endif
}

__attribute__((visibility("hidden"))) void __sanitizer_cov_trace_pc(void)
{
    uintptr_t at = (uintptr_t)__builtin_return_address(0);
    unsigned place = at % MOST;
    while (blocks[place] != 0 && blocks[place] != at)
        place = (place + 1) % MOST;
    blocks[place] = at;
#ifdef GUARDS
    __sanitizer_cov_trace_pc_guard(&guards[place]);
#else
    counters[place]++;
#endif
}
