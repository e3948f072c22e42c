/* Behaviours around code that is entered for the first time: in several threads at once, in a child, and by a
 * module that has SIGTRAP for itself. What is entered has a name that tells who enters it. */
#define _GNU_SOURCE
#include "cryptoki.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int counted;

/* Sixteen functions that nobody has entered yet. */
#define ONE(n)                                                       \
    static void raced_##n(void) { __sync_fetch_and_add(&counted, 1); }
ONE(0) ONE(1) ONE(2) ONE(3) ONE(4) ONE(5) ONE(6) ONE(7)
ONE(8) ONE(9) ONE(a) ONE(b) ONE(c) ONE(d) ONE(e) ONE(f)

static void (*const raced[])(void) = {
    raced_0, raced_1, raced_2, raced_3, raced_4, raced_5, raced_6, raced_7,
    raced_8, raced_9, raced_a, raced_b, raced_c, raced_d, raced_e, raced_f,
};

enum { THREADS = 8, FUNCTIONS = sizeof raced / sizeof raced[0] };

static pthread_barrier_t line;

static void *run_race(void *argument)
{
    int index;
    pthread_barrier_wait(&line);
    for (index = 0; index < FUNCTIONS; index++)
        raced[index]();
    return argument;
}

/* Returns CKR_OK only if every thread entered every function, and `errno` stayed what it was. */
int race(struct place *at)
{
    pthread_t threads[THREADS];
    int index;
    (void)at;
    counted = 0;
    errno = EXDEV;
    raced_0();
    if (errno != EXDEV)
        _exit(9);
    pthread_barrier_init(&line, NULL, THREADS);
    for (index = 0; index < THREADS; index++)
        pthread_create(&threads[index], NULL, run_race, NULL);
    for (index = 0; index < THREADS; index++)
        pthread_join(threads[index], NULL);
    if (counted != 1 + THREADS * FUNCTIONS)
        _exit(8);
    return 0;
}

static void first_in_child(void) { counted++; }
static void first_in_vfork(void) { counted++; }
static void after_handler(void) { counted++; }
static void while_blocked(void) { counted++; }

static void must_exit_well(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        _exit(7);
}

int fork_first(struct place *at)
{
    pid_t child = fork();
    (void)at;
    if (child == 0) {
        first_in_child();
        _exit(0);
    }
    must_exit_well(child);
    first_in_child();
    return 0;
}

int vfork_first(struct place *at)
{
    pid_t child = vfork();
    (void)at;
    if (child == 0) {
        first_in_vfork();
        _exit(0);
    }
    must_exit_well(child);
    first_in_vfork();
    return 0;
}

static void on_trap(int signal) { counted += signal; }

/* From then on traps are the module's own. */
int handle_traps(struct place *at)
{
    (void)at;
    on_trap(0);
    after_handler();
    signal(SIGTRAP, on_trap);
    raise(SIGTRAP);
    return 0;
}

int block_traps(struct place *at)
{
    sigset_t traps;
    (void)at;
    sigemptyset(&traps);
    sigaddset(&traps, SIGTRAP);
    sigprocmask(SIG_BLOCK, &traps, NULL);
    while_blocked();
    sigprocmask(SIG_UNBLOCK, &traps, NULL);
    return 0;
}
